"""Fixtures of the SDK tests. With CI=true whatever is missing is a failure; elsewhere its tests are skipped."""

import os
import subprocess

for name in list(os.environ):
    # A developer's own keys, base URLs and proxies must neither be used nor change what is tested.
    if name.startswith(("OPENAI_", "ANTHROPIC_")) or name.lower().endswith("_proxy"):
        del os.environ[name]

import pytest

import harness

KEY = harness.client_key("web")
NARROW_KEY = harness.client_key("narrow")
EXPIRED_KEY = harness.client_key("expired")
MODELS_OF_KEY = ["sim-small", "sim-claude", "claude", "fast", "backup", "gone", "vendor/sim-small"]


def missing(what: str):
    """Something a test needs is not there: a failure in CI, a skip elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"missing: {what}")
    pytest.skip(f"missing: {what}")


def sim_config(sim: harness.Sim) -> dict:
    """The configuration most tests use: two providers on the simulator and one that nobody answers."""
    dead = f"http://127.0.0.1:{harness.free_port()}/v1"
    small = {"provider": "sim", "model": "sim-small"}
    claude = {"provider": "sim-claude", "model": "sim-claude"}
    return {
        "providers": {
            "sim": {"dialect": "openai", "base_url": sim.url + "/v1", "api_keys": [harness.UPSTREAM_SECRET]},
            "sim-claude": {"dialect": "anthropic", "base_url": sim.url, "api_keys": [harness.UPSTREAM_SECRET]},
            "dead": {"dialect": "openai", "base_url": dead},
        },
        "models": {
            # The first two have the provider's own names, so that not one byte of a body needs to change.
            "sim-small": {"targets": [small]},
            "sim-claude": {"targets": [claude]},
            "fast": {"targets": [small]},
            "claude": {"targets": [claude]},
            "backup": {"targets": [{"provider": "dead", "model": "none"}, small], "strategy": "fallback"},
            "gone": {"targets": [{"provider": "dead", "model": "none"}]},
            "vendor/sim-small": {"targets": [small]},
            "not-yours": {"targets": [small]},
        },
        "tenants": {
            "acme": {
                "capture": "full",
                "keys": [
                    {"alias": "web", "sha256": harness.digest(KEY), "models": MODELS_OF_KEY},
                    {"alias": "narrow", "sha256": harness.digest(NARROW_KEY), "models": ["fast"]},
                    {
                        "alias": "expired", "sha256": harness.digest(EXPIRED_KEY), "models": ["fast"],
                        "expires": "2020-01-01",
                    },
                ],
            },
        },
        "prices": {"sim-small": {"input": 1.0, "output": 2.0}},
    }


@pytest.fixture(scope="session")
def weir_program():
    """Every test needs it, so a missing program fails everywhere."""
    program = harness.weir_binary()
    if program is None or not program.is_file():
        pytest.fail(f"no weir program: build it or set WEIR_BIN (looked at {program or harness.BINARIES})")
    return program


@pytest.fixture(scope="session")
def sim(weir_program, tmp_path_factory):
    server = harness.Sim(tmp_path_factory.mktemp("sim"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def gateway(sim, tmp_path_factory):
    server = harness.Gateway(tmp_path_factory.mktemp("weir"), sim_config(sim))
    yield server
    server.stop()


@pytest.fixture
def own_sim(weir_program, tmp_path):
    """A simulator whose counts are this test's alone."""
    server = harness.Sim(tmp_path, name="own_sim")
    yield server
    server.stop()


@pytest.fixture
def own_gateway(own_sim, tmp_path):
    """A gateway whose records are this test's alone."""
    server = harness.Gateway(tmp_path, sim_config(own_sim), name="own_weir")
    yield server
    server.stop()


@pytest.fixture
def client(gateway):
    with gateway.openai(KEY) as made:
        yield made


@pytest.fixture
def claude(gateway):
    with gateway.anthropic(KEY) as made:
        yield made


@pytest.fixture(scope="session")
def local_model(tmp_path_factory):
    try:
        server = harness.LocalModel(tmp_path_factory.mktemp("model"))
    except (OSError, AssertionError) as error:
        missing(f"the local model: {error}")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def model_gateway(weir_program, local_model, tmp_path_factory):
    """weir in front of the real model, in both dialects. No tenants: no key is asked for."""
    root = local_model.url.removesuffix("/v1")
    config = {
        "providers": {
            "local": {"dialect": "openai", "base_url": local_model.url},
            "local-claude": {"dialect": "anthropic", "base_url": root},
        },
        "models": {
            "smollm2": {"targets": [{"provider": "local", "model": "smollm2"}]},
            "smollm2-claude": {"targets": [{"provider": "local-claude", "model": "smollm2"}]},
        },
    }
    server = harness.Gateway(tmp_path_factory.mktemp("model_weir"), config, name="model_weir")
    yield server
    server.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the servers wrote last."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            process = getattr(value, "process", None)
            if isinstance(process, harness.Process):
                report.sections.append((f"output of {process.name}", process.output()[-4000:]))
    return report


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, and certificates for localhost, for another name, and an expired one."""
    folder = tmp_path_factory.mktemp("tls")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-days", "2", "-subj", "/CN=test authority",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # Python 3.13 demands it
    for name, names, days in (("good", "DNS:localhost,IP:127.0.0.1", "1"), ("other", "DNS:elsewhere.example", "1"), ("expired", "DNS:localhost", "-1")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\n")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", days, "-out", folder / f"{name}.pem", "-extfile", folder / f"{name}.ext")
    return folder
