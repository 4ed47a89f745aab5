"""Starts and stops what is measured: the mock, nginx, HAProxy and weir; reads their processor time and memory."""
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
FILES_WANTED = 20000  # open files: a stream through a proxy takes two
START_S = 20
CATCH_UP_S = 10  # how long weir's traces and ledger rows may take to be complete after a run
KEYS, TENANTS = 1000, 10
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Wrong(Exception):
    """The measurement cannot be made."""


def free_port(above=0):
    """Below the range from which the kernel takes ports for outgoing connections: those would be in the way."""
    for port in range(max(above + 1, 20000 + os.getpid() % 8000), 32000):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Wrong("no free port")


def ask(port, path="/", body=None, key="none", timeout=10):
    """(status, text) of one request on its own connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        connection.request("POST" if body else "GET", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def descendants(pid):
    """The process and all below it."""
    found = [pid]
    for parent in found:
        for task in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                pass  # it has just ended
    return found


class Server:
    """One process, with its children, pinned to `cores`; its output goes to `directory`/NAME.log."""

    def __init__(self, name, command, cores, port, directory):
        self.name, self.port, self.directory = name, port, directory
        self.log = open(directory / f"{name}.log", "ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen(["taskset", "-c", cores, *map(str, command)], stdout=self.log,
                                        stderr=subprocess.STDOUT, cwd=directory)

    def wait(self, path="/v1/chat/completions", body='{"model":"bench","messages":[]}', key="none"):
        """Until the first request is answered; the seconds from the start."""
        while time.monotonic() < self.started + START_S:
            try:
                status, text = ask(self.port, path, body, key)
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.0005)
                continue
            if status != 200:
                raise Wrong(f"{self.name} answers {status}: {text[:300]}")
            return time.monotonic() - self.started
        tail = (self.directory / f"{self.name}.log").read_text(errors="replace")[-2000:]
        raise Wrong(f"{self.name} does not start:\n{tail}")

    def cpu_s(self):
        """User and system time of the whole process tree, ended children included."""
        total = 0
        for pid in descendants(self.process.pid):
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += sum(map(int, fields[11:15]))
        return total / TICKS_PER_S

    def rss_bytes(self):
        total = 0
        for pid in descendants(self.process.pid):
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            total += int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024
        return total

    def settle(self, requests):
        """Called after each run, before its processor time is read."""

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def from_template(name, directory, **words):
    text = (HERE / name).read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    path = directory / name
    path.write_text(text)
    return path


def mock(program, cores, directory):
    port = free_port()
    server = Server("mock", [program, "--port", port], cores, port, directory)
    server.wait()
    return server


def nginx(cores, mock_port, directory):
    port = free_port()
    config = from_template("nginx.conf", directory, DIR=directory, PORT=port, MOCK=mock_port)
    command = ["nginx", "-e", directory / "nginx-error.log", "-p", directory, "-c", config]
    server = Server("nginx", command, cores, port, directory)
    server.wait()
    return server


def haproxy(cores, mock_port, directory):
    port = free_port()
    config = from_template("haproxy.cfg", directory, PORT=port, MOCK=mock_port)
    server = Server("haproxy", ["haproxy", "-db", "-f", config], cores, port, directory)
    server.wait()
    return server


def certificate(directory):
    """(key, certificate) of 127.0.0.1, signed by itself."""
    key, cert = directory / "tls.key", directory / "tls.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return key, cert


class Nghttpx(Server):
    """Stands before the mock and speaks HTTP/2, or TLS, to weir. `provider` is what weir's configuration says of it."""

    def __init__(self, cores, mock_port, directory, tls):
        port = free_port()
        frontend = f"127.0.0.1,{port}" + ("" if tls else ";no-tls")
        command = ["nghttpx", "--conf=/dev/null", "-f", frontend, "-b", f"127.0.0.1,{mock_port}", "--workers=1", "--no-ocsp",
                   "--frontend-http2-max-concurrent-streams=1000", f"--rlimit-nofile={FILES_WANTED}",
                   "--errorlog-file=/dev/stderr", "--log-level=ERROR", "--backend-keep-alive-timeout=300"]
        self.provider = {"base_url": f"http://127.0.0.1:{port}/v1", "http2": "prior_knowledge"}
        if tls:
            key, cert = certificate(directory)
            command += [key, cert]
            self.provider = {"base_url": f"https://127.0.0.1:{port}/v1", "http2": "never", "ca_file": str(cert),
                             "proxy": "none"}
        super().__init__("nghttpx", command, cores, port, directory)

    def wait(self):
        """Until it listens: it may speak TLS only."""
        while time.monotonic() < self.started + START_S and self.process.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise Wrong(f"nghttpx does not start, see {self.directory}/nghttpx.log")


# ---- weir -----------------------------------------------------------------------------------------------------------


def secrets():
    """The bearer keys: the same in every run, and worth nothing."""
    return [f"wr-bench-{i:04d}-{hashlib.sha256(str(i).encode()).hexdigest()[:24]}" for i in range(KEYS)]


def write_keys(directory):
    path = directory / "keys.txt"
    path.write_text("".join(secret + "\n" for secret in secrets()))
    return path


# High enough never to refuse, so that what they cost is measured and nothing else.
KEY_LIMITS = {"rpm": 10**8, "tpm": 10**10, "concurrency": 10**5}
TENANT_LIMITS = {"rpm": 10**9, "tpm": 10**10, "concurrency": 10**6}
BUDGET = {"usd_per_day": "1000000"}


def weir_config(directory, port, admin, provider, workers, capture, limits):
    tenants = {}
    more = {"limits": KEY_LIMITS, "budget": BUDGET} if limits else {}
    for i, secret in enumerate(secrets()):
        digest = hashlib.sha256(secret.encode()).hexdigest()
        tenant = tenants.setdefault(f"tenant-{i % TENANTS}", {"keys": []})
        tenant["keys"].append({"alias": f"key-{i:04d}", "sha256": digest} | more)
    for tenant in tenants.values():
        tenant.update({"limits": TENANT_LIMITS, "budget": BUDGET} if limits else {})
    config = {
        "listen": f"127.0.0.1:{port}",
        "admin": f"127.0.0.1:{admin}",
        "store": f"sqlite:{directory}/weir.db",
        "workers": workers,
        "log_level": "warn",
        "capture": capture,
        "providers": {"mock": {"dialect": "openai", "api_keys": ["bench"]} | provider},
        "models": {"bench": {"targets": [{"provider": "mock", "model": "bench-model"}]}},
        "prices": {"bench-model": {"input": "0.1", "output": "0.4"}},
        "tenants": tenants,
    }
    path = directory / "weir.yaml"
    path.write_text(json.dumps(config, indent=1))  # YAML, too
    return path


def knows(program, key):
    """Is that a key of its configuration? An older weir can be measured too, to compare with."""
    docs = subprocess.run([program, "config", "docs"], capture_output=True, text=True, check=True).stdout
    return f"`{key}`" in docs


class Weir(Server):
    """`provider`: the port of the mock, or settings of a provider that stands before it."""

    def __init__(self, name, program, cores, provider, directory, workers=1, capture="hashes"):
        directory = directory / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        self.admin = free_port()
        port = free_port(above=self.admin)
        if isinstance(provider, int):
            provider = {"base_url": f"http://127.0.0.1:{provider}/v1"}
        config = weir_config(directory, port, self.admin, provider, workers, capture,
                             limits=knows(program, "usd_per_day"))
        super().__init__(name, [program, "serve", config], cores, port, directory)
        self.requests = 0
        self.start_s = self.wait(key=secrets()[0])
        self.requests += 1

    def metrics(self):
        """{name: sum over its labels}"""
        sums = {}
        for line in ask(self.admin, "/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                name, value = line.split("{")[0].split()[0], line.rsplit(" ", 1)[1]
                sums[name] = sums.get(name, 0) + float(value)
        return sums

    def settle(self, requests):
        """Waits until each request that was sent so far has its rows."""
        self.requests += requests
        end = time.monotonic() + CATCH_UP_S
        while True:
            counts = self.metrics()
            done = sum(counts[f"weir_traces_{what}_total"] for what in ("written", "dropped", "failed"))
            if done >= self.requests and self.rows("ledger") in (None, self.requests):
                return
            if time.monotonic() > end:
                return
            time.sleep(0.1)

    def rows(self, table):
        """How many rows the table has; None when there is no such table."""
        with contextlib.closing(sqlite3.connect(f"file:{self.directory}/weir.db?mode=ro", uri=True)) as db:
            if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone():
                return None
            if table == "trace_block":
                return db.execute("SELECT coalesce(sum(rows), 0) FROM trace_block").fetchone()[0]
            where = " WHERE state = 'settled'" if table == "ledger" else ""
            return db.execute(f"SELECT count(*) FROM {table}{where}").fetchone()[0]

    def lock_wait_s(self):
        """How long its threads have waited for the governor's lock; None when it does not say."""
        return self.metrics().get("weir_governor_lock_wait_seconds_total")

    def counts(self):
        """What must be equal: requests sent, and the rows about them. Called when nothing is under way."""
        return {"requests": self.requests, "traces": self.rows("trace_block"), "ledger": self.rows("ledger"),
                "dropped": int(self.metrics()["weir_traces_dropped_total"])}

    def stop(self):
        super().stop()
        shutil.rmtree(self.directory, ignore_errors=True)
