"""TLS on both sides, certificates checked, and providers behind a proxy."""

import os
import ssl
import subprocess

import httpx
import pytest

import harness
from replay import ConnectProxy, Replay

ANSWER = (
    b'{"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def https_upstream(certificates, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    return Replay(ANSWER, content_type="application/json", tls=context)


def gateway_for(tmp_path, provider, **more):
    return harness.Gateway(tmp_path, {
        "providers": {"secure": {"dialect": "openai", **provider}},
        "models": {"m": {"targets": [{"provider": "secure", "model": "m"}]}},
        **more,
    })


def call(gateway):
    return httpx.post(gateway.url + "/v1/chat/completions", json=CHAT, trust_env=False, timeout=30)


def test_an_https_provider_is_called_and_its_connection_kept(weir_program, certificates, tmp_path):
    upstream = https_upstream(certificates, "good")
    gateway = gateway_for(tmp_path, {"base_url": f"https://localhost:{upstream.port}/v1", "ca_file": str(certificates / "ca.pem")})
    for _ in range(3):
        assert call(gateway).content == ANSWER
    metrics = httpx.get(gateway.admin_url + "/metrics", trust_env=False).text
    gateway.stop()
    assert "weir_provider_connections 1\n" in metrics
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("name,ca,says", [
    ("good", False, "certificate"),  # nobody vouches for it
    ("other", True, "host"),
    ("expired", True, "expired"),
])
def test_a_certificate_that_does_not_hold_ends_the_call(weir_program, certificates, tmp_path, name, ca, says):
    upstream = https_upstream(certificates, name)
    provider = {"base_url": f"https://localhost:{upstream.port}/v1"}
    if ca:
        provider["ca_file"] = str(certificates / "ca.pem")
    gateway = gateway_for(tmp_path, provider)
    answer = call(gateway)
    gateway.stop()
    assert answer.status_code == 502
    assert says in answer.json()["error"]["message"].lower()
    assert upstream.requests == []


def test_applications_are_served_over_tls_when_a_certificate_is_configured(weir_program, certificates, sim, tmp_path):
    folder = tmp_path
    config = {
        "providers": {"sim": {"dialect": "openai", "base_url": sim.url + "/v1"}},
        "models": {"m": {"targets": [{"provider": "sim", "model": "m"}]}},
        "tls": {"certificate": str(certificates / "good.pem"), "key": str(certificates / "good.key")},
    }
    port, admin = harness.free_port(), harness.free_port()
    path = folder / "weir.yaml"
    path.write_text(harness.yaml.dump({"listen": f"127.0.0.1:{port}", "admin": f"127.0.0.1:{admin}", "store": f"sqlite:{folder}/weir.db", **config}))
    process = harness.Process("weir", [harness.weir_binary(), "serve", "--config", path], folder, f"http://127.0.0.1:{admin}/healthz")
    try:
        trust = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        with httpx.Client(verify=trust, trust_env=False) as client:
            for _ in range(2):
                answer = client.post(f"https://localhost:{port}/v1/chat/completions", json={**CHAT, "stream": True})
                assert answer.status_code == 200 and answer.content.endswith(b"data: [DONE]\n\n")
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://localhost:{port}/healthz", trust_env=False, timeout=10)
    finally:
        process.stop()


def test_providers_are_reached_through_a_connect_proxy(weir_program, certificates, tmp_path):
    upstream = https_upstream(certificates, "good")
    proxy = ConnectProxy()
    gateway = gateway_for(tmp_path, {
        "base_url": f"https://localhost:{upstream.port}/v1", "ca_file": str(certificates / "ca.pem"),
        "proxy": f"http://me:secret@127.0.0.1:{proxy.port}",
    })
    assert call(gateway).content == ANSWER
    assert call(gateway).content == ANSWER
    gateway.stop()
    assert len(proxy.heads) == 1
    assert proxy.heads[0].startswith(f"CONNECT localhost:{upstream.port} HTTP/1.1\r\n".encode())
    assert b"proxy-authorization: Basic bWU6c2VjcmV0\r\n" in proxy.heads[0]
    assert b"proxy-authorization" not in upstream.requests[0].lower()


def test_a_proxy_that_refuses_is_named(weir_program, certificates, tmp_path):
    proxy = ConnectProxy(refuse=407)
    gateway = gateway_for(tmp_path, {"base_url": "https://localhost:1/v1", "proxy": f"http://127.0.0.1:{proxy.port}"})
    answer = call(gateway)
    gateway.stop()
    assert answer.status_code == 502
    assert "proxy refused" in answer.json()["error"]["message"] and "407" in answer.json()["error"]["message"]


def test_https_proxy_of_the_environment_holds(weir_program, certificates, tmp_path, monkeypatch):
    proxy = ConnectProxy(refuse=403)
    config = tmp_path / "weir.yaml"
    port, admin = harness.free_port(), harness.free_port()
    config.write_text(harness.yaml.dump({
        "listen": f"127.0.0.1:{port}", "admin": f"127.0.0.1:{admin}", "store": f"sqlite:{tmp_path}/weir.db",
        "providers": {"far": {"dialect": "openai", "base_url": "https://api.example.com/v1"}},
        "models": {"m": {"targets": [{"provider": "far", "model": "m"}]}},
    }))
    environment = {**os.environ, "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen([harness.weir_binary(), "serve", "--config", config], env=environment, stderr=log)
    try:
        harness.wait_until("weir answers", lambda: _answers(f"http://127.0.0.1:{port}/healthz"))
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=CHAT, trust_env=False, timeout=30)
    finally:
        process.terminate()
        assert process.wait(30) == 0
    assert answer.status_code == 502
    assert proxy.heads[0].startswith(b"CONNECT api.example.com:443 HTTP/1.1\r\n")


def _answers(url):
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
