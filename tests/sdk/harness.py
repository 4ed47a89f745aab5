"""Starts what the SDK tests talk to: `weir sim`, `weir serve` and the local model, each on a free loopback port.

A process is started with its output in a file, waited for until it answers, and ended with SIGTERM; an exit status
other than 0, or a sanitizer's report in the output, is an error of the test run.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import anthropic
import httpx
import openai
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = ("build/weir", "build/release/weir", "build/dev/weir", "build/asan/weir")
READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
CLIENT_TIMEOUT_S = 60
UPSTREAM_SECRET = "sk-upstream-0123456789abcdef"
SANITIZER_MARKS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer")


def weir_binary() -> pathlib.Path | None:
    """The program under test: $WEIR_BIN, else the first build that exists."""
    if "WEIR_BIN" in os.environ:
        return pathlib.Path(os.environ["WEIR_BIN"]).resolve()
    return next((ROOT / name for name in BINARIES if (ROOT / name).is_file()), None)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def client_key(name: str) -> str:
    """The secret of a virtual key, in the form `weir key new` prints: any text will do, its digest is what counts."""
    return "sk-weir-" + hashlib.sha256(name.encode()).hexdigest()[:40]


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def wait_until(what: str, condition, timeout_s: float = 10.0):
    """Polls until the condition gives something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.02)


class PlainDumper(yaml.SafeDumper):
    """Writes a value out each time it occurs: weir.yaml has no anchors."""

    def ignore_aliases(self, data):
        return True


class Process:
    """One server: started, waited for, ended."""

    def __init__(self, name: str, argv: list, folder: pathlib.Path, ready_url: str, cwd=None):
        self.name = name
        self.log_path = folder / f"{name}.log"
        self.log = open(self.log_path, "wb")
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        self.process = subprocess.Popen(
            [str(word) for word in argv], stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            cwd=cwd or folder, env=environment,
        )
        try:
            wait_until(f"{name} answers at {ready_url}", lambda: self._answers(ready_url), READY_TIMEOUT_S)
        except AssertionError:
            self.process.kill()
            raise

    def _answers(self, url: str) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with status {self.process.returncode}:\n{self.output()}")
        try:
            return httpx.get(url, timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def output(self) -> str:
        return self.log_path.read_text(errors="replace")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end within {STOP_TIMEOUT_S} s:\n{self.output()[-4000:]}") from None
        finally:
            self.log.close()
        output = self.output()
        assert status == 0, f"{self.name} ended with status {status}:\n{output[-4000:]}"
        assert not any(mark in output for mark in SANITIZER_MARKS), f"{self.name}:\n{output[-8000:]}"


class Sim:
    """The simulated provider. Its dials are set per request by headers: see `dials`."""

    def __init__(self, folder: pathlib.Path, *options, name: str = "sim"):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        argv = [weir_binary(), "sim", "--listen", f"127.0.0.1:{self.port}", "--seed", "7", *options]
        self.process = Process(name, argv, folder, self.url + "/sim/stats")

    def stats(self) -> dict:
        return httpx.get(self.url + "/sim/stats", timeout=10, trust_env=False).json()

    def stop(self) -> None:
        self.process.stop()


def dials(**values) -> dict:
    """Request headers that set the simulator's dials: dials(error=429) -> {"x-sim-error": "429"}."""
    return {"x-sim-" + name.replace("_", "-"): str(value) for name, value in values.items()}


class Gateway:
    """weir itself, from a configuration given as a dictionary. Listeners and store are added to it."""

    def __init__(self, folder: pathlib.Path, config: dict, name: str = "weir"):
        self.folder = folder
        self.port = free_port()
        self.admin_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.openai_url = self.url + "/v1"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        self.config_path = folder / f"{name}.yaml"
        self.store_path = folder / f"{name}.db"
        whole = {
            "listen": f"127.0.0.1:{self.port}",
            "admin": f"127.0.0.1:{self.admin_port}",
            "store": f"sqlite:{self.store_path}",
            **config,
        }
        self.config_path.write_text(yaml.dump(whole, Dumper=PlainDumper, sort_keys=False))
        argv = [weir_binary(), "serve", "--config", self.config_path]
        self.process = Process(name, argv, folder, self.url + "/healthz")

    def stop(self) -> None:
        self.process.stop()

    def command(self, *words) -> subprocess.CompletedProcess:
        """Runs a weir command against this gateway's configuration."""
        argv = [weir_binary(), *words, "--config", self.config_path]
        return subprocess.run(
            [str(word) for word in argv], capture_output=True, text=True, timeout=60, check=False, cwd=self.folder,
        )

    def json_lines(self, *words) -> list:
        """What a command prints with --json, one document a line."""
        done = self.command(*words, "--json")
        assert done.returncode == 0, f"weir {' '.join(words)} exited with {done.returncode}:\n{done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def traces(self, *options) -> list:
        return self.json_lines("trace", "ls", *options)

    def spend_by_model(self) -> dict:
        [spend] = self.json_lines("spend", "--by", "model")
        return {row["model"]: row for row in spend["rows"]}

    def trace(self, trace_id: str) -> dict:
        """The recorded trace of a finished call. Rows are written behind the answer, so it is waited for."""

        def found():
            done = self.command("trace", "show", trace_id, "--json")
            return json.loads(done.stdout) if done.returncode == 0 else None

        return wait_until(f"trace {trace_id} is recorded", found)

    # ---- clients: no retries of their own unless a test wants them, so that each call is one request --------------

    def openai(self, key: str, **options) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.openai_url, api_key=key, **client_options(options))

    def async_openai(self, key: str, **options) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=self.openai_url, api_key=key, **client_options(options))

    def anthropic(self, key: str, **options) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.url, api_key=key, **client_options(options))

    def async_anthropic(self, key: str, **options) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(base_url=self.url, api_key=key, **client_options(options))


def client_options(options: dict) -> dict:
    return {"max_retries": 0, "timeout": CLIENT_TIMEOUT_S, **options}


class LocalModel:
    """The real model of tools/local_model; $WEIR_MODEL_URL names one that runs already."""

    def __init__(self, folder: pathlib.Path):
        self.process = None
        self.url = os.environ.get("WEIR_MODEL_URL", "").rstrip("/")
        if self.url:
            return
        setup = subprocess.run([ROOT / "tools/local_model", "setup"], capture_output=True, text=True, check=False)
        if setup.returncode != 0:
            raise OSError(setup.stderr)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/v1"
        argv = [ROOT / "tools/local_model", "run", "--port", port]
        self.process = Process("local_model", argv, folder, self.url + "/models", cwd=ROOT)

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()
