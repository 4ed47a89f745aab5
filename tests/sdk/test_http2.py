"""HTTP/2 to a provider: nghttpx, a real peer, stands before the simulator and speaks TLS with ALPN."""

import asyncio
import shutil
import signal
import subprocess

import httpx
import pytest

import harness
from conftest import missing
from harness import dials, wait_until

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Name three rivers."}]}
STREAM = {**CHAT, "stream": True}
STREAMS_AT_ONCE = 500
PEER_ALLOWS = 100  # streams on a connection: nghttpx' default


class Proxy:
    """nghttpx on a port of its own. `protocols` is what it agrees to in the TLS handshake."""

    def __init__(self, folder, certificates, sim, protocols="h2,http/1.1", tls=True, single=True):
        self.end = signal.SIGKILL if single else signal.SIGTERM  # which its children hear of
        self.port = harness.free_port()
        self.log = folder / "nghttpx.access"
        self.log.touch()
        self.process = subprocess.Popen([
            "nghttpx", "--conf=/dev/null", *(["--single-process"] if single else []), "--workers=1", "--no-via", f"--accesslog-file={self.log}", f"--errorlog-file={folder}/nghttpx.log",
            f"--frontend=127.0.0.1,{self.port}" + ("" if tls else ";no-tls"), f"--backend=127.0.0.1,{sim.port}", f"--npn-list={protocols}",
            certificates / "good.key", certificates / "good.pem",
        ], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("nghttpx listens", self._listens)

    def _listens(self):
        assert self.process.poll() is None, "nghttpx ended"
        try:
            harness.socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except OSError:
            return False

    def requests(self) -> list:
        """The requests it has answered: 'POST /v1/chat/completions HTTP/2'."""
        return [line.split('"')[1] for line in self.log.read_text().splitlines()]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.end)
        self.process.wait(30)


@pytest.fixture
def peer(certificates, own_sim, tmp_path):
    """Makes proxies before the simulator, and gateways that call them."""
    if not shutil.which("nghttpx"):
        missing("nghttpx (package nghttp2-proxy)")
    started = []

    def proxy(**options):
        started.append(Proxy(tmp_path, certificates, own_sim, **options))
        return started[-1]

    def gateway(to, scheme="https", **provider):
        started.append(harness.Gateway(tmp_path, {
            "providers": {"far": {"dialect": "openai", "base_url": f"{scheme}://localhost:{to.port}/v1", "ca_file": str(certificates / "ca.pem"), **provider}},
            "models": {"m": {"targets": [{"provider": "far", "model": "m"}]}},
        }))
        return started[-1]

    peer = type("Peer", (), {"proxy": staticmethod(proxy), "gateway": staticmethod(gateway), "sim": own_sim})
    yield peer
    for one in reversed(started):
        one.stop()


def post(gateway, body, **headers):
    return httpx.post(gateway.url + "/v1/chat/completions", json=body, headers=headers, trust_env=False, timeout=60)


def connections(gateway) -> int:
    [line] = [line for line in httpx.get(gateway.admin_url + "/metrics", trust_env=False).text.splitlines() if line.startswith("weir_provider_connections ")]
    return int(line.split()[1])


def direct(peer, body):
    return httpx.post(peer.sim.url + "/v1/chat/completions", json=body, trust_env=False, timeout=60)


def test_answers_come_as_over_http1(weir_program, peer):
    proxy = peer.proxy()
    gateway = peer.gateway(proxy)
    assert post(gateway, CHAT).json()["choices"] == direct(peer, CHAT).json()["choices"]
    streamed = post(gateway, STREAM)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.content.endswith(b"data: [DONE]\n\n")
    assert streamed.content.count(b"\n\n") == direct(peer, STREAM).content.count(b"\n\n")
    refused = post(gateway, CHAT, **dials(error_500=1))
    assert refused.status_code == 500
    large = {**CHAT, "messages": [{"role": "user", "content": "water " * 200_000}]}
    assert post(gateway, large).status_code == 200
    wait_until("nghttpx has logged them", lambda: len(proxy.requests()) == 4)
    assert set(proxy.requests()) == {"POST /v1/chat/completions HTTP/2"}
    assert connections(gateway) == 1


@pytest.mark.parametrize("protocols,http2", [("http/1.1", "auto"), ("h2,http/1.1", "never")])
def test_http1_is_spoken_where_one_side_wants_no_more(weir_program, peer, protocols, http2):
    proxy = peer.proxy(protocols=protocols)
    gateway = peer.gateway(proxy, http2=http2)
    for body in (CHAT, STREAM):
        assert post(gateway, body).status_code == 200
    wait_until("nghttpx has logged them", lambda: len(proxy.requests()) == 2)
    assert set(proxy.requests()) == {"POST /v1/chat/completions HTTP/1.1"}


def test_plain_http2_is_spoken_where_it_is_configured(weir_program, peer):
    proxy = peer.proxy(tls=False)
    gateway = peer.gateway(proxy, scheme="http", http2="prior_knowledge")
    assert post(gateway, STREAM).content.endswith(b"data: [DONE]\n\n")
    wait_until("nghttpx has logged it", proxy.requests)
    assert proxy.requests() == ["POST /v1/chat/completions HTTP/2"]


def test_http2_goes_through_a_connect_proxy(weir_program, peer):
    from replay import ConnectProxy

    proxy = peer.proxy()
    tunnel = ConnectProxy()
    gateway = peer.gateway(proxy, proxy=f"http://127.0.0.1:{tunnel.port}")
    for _ in range(3):
        assert post(gateway, CHAT).status_code == 200
    wait_until("nghttpx has logged them", lambda: len(proxy.requests()) == 3)
    assert set(proxy.requests()) == {"POST /v1/chat/completions HTTP/2"}
    assert len(tunnel.heads) == 1


def test_leaving_in_mid_stream_ends_one_stream_and_no_other(weir_program, peer):
    gateway = peer.gateway(peer.proxy())
    slow = dials(itl="constant:50", length="constant:60")
    with httpx.stream("POST", gateway.url + "/v1/chat/completions", json=STREAM, headers=slow, trust_env=False, timeout=60) as stays:
        rest = stays.iter_bytes()
        assert next(rest)
        with httpx.stream("POST", gateway.url + "/v1/chat/completions", json=STREAM, headers=slow, trust_env=False, timeout=60) as leaves:
            assert next(leaves.iter_bytes())
        wait_until("the simulator was told", lambda: peer.sim.stats()["cancelled"] == 1)
        assert b"".join(rest).endswith(b"data: [DONE]\n\n")
    assert peer.sim.stats()["cancelled"] == 1
    assert connections(gateway) == 1
    assert post(gateway, CHAT).status_code == 200


async def many_streams(gateway, n):
    limits = httpx.Limits(max_connections=n)
    headers = dials(itl="constant:40", length="constant:40")
    seen = []

    async def one(client):
        async with client.stream("POST", gateway.url + "/v1/chat/completions", json=STREAM, headers=headers) as answer:
            body = b""
            async for part in answer.aiter_bytes():
                if not body:
                    seen.append(connections(gateway) if len(seen) in (0, n - 1) else 0)
                body += part
            return answer.status_code == 200 and body.endswith(b"data: [DONE]\n\n")

    async with httpx.AsyncClient(limits=limits, timeout=120, trust_env=False) as client:
        whole = await asyncio.gather(*[one(client) for _ in range(n)])
    return whole, max(seen)


def test_hundreds_of_streams_share_few_connections(weir_program, peer):
    gateway = peer.gateway(peer.proxy())
    whole, most = asyncio.run(many_streams(gateway, STREAMS_AT_ONCE))
    assert all(whole)
    assert most <= STREAMS_AT_ONCE // PEER_ALLOWS + 2
    assert peer.sim.stats()["cancelled"] == 0


def test_a_peer_that_dies_in_mid_stream_is_told_to_the_client(weir_program, peer):
    proxy = peer.proxy()
    gateway = peer.gateway(proxy)
    with httpx.stream("POST", gateway.url + "/v1/chat/completions", json=STREAM, headers=dials(itl="constant:50", length="constant:400"), trust_env=False, timeout=60) as answer:
        trace = answer.headers["x-weir-trace"]
        parts = answer.iter_bytes()
        body = next(parts)
        proxy.stop()
        try:
            for part in parts:
                body += part
        except httpx.RemoteProtocolError:
            pass  # cut, so that it cannot look whole
    assert b"[DONE]" not in body
    assert b'"error"' in body
    assert gateway.trace(trace)["error_class"] == "provider_cut"
    assert post(gateway, CHAT).status_code == 502


def test_a_peer_that_says_goodbye_is_left_without_a_failure(weir_program, peer):
    """SIGQUIT: nghttpx finishes what it has, says GOAWAY, and takes no more connections."""
    proxy = peer.proxy(single=False)
    gateway = peer.gateway(proxy)
    with httpx.stream("POST", gateway.url + "/v1/chat/completions", json=STREAM, headers=dials(itl="constant:20", length="constant:60"), trust_env=False, timeout=60) as answer:
        parts = answer.iter_bytes()
        body = next(parts)
        proxy.process.send_signal(signal.SIGQUIT)
        for part in parts:
            body += part
    assert body.endswith(b"data: [DONE]\n\n")
    wait_until("the connection is given up", lambda: connections(gateway) == 0)
