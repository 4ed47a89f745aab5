"""A gateway before the simulated provider, small requests through it, and what must be true when it is at rest."""
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

START_S = 30
REQUEST_S = 15  # every request must have ended by then, one way or the other
REST_S = 15  # and the gateway must be at rest
KEPT_ENVIRONMENT = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS", "LD_LIBRARY_PATH")

CONFIGURATION = """
listen: {gateway}
admin: {admin}
store: sqlite:weir.db
head_timeout: 2s
body_timeout: 2s
idle_timeout: 5s
providers:
  openai: {{dialect: openai, base_url: "http://{sim}/v1", keep_idle: 100ms, connect_timeout: 3s,
           first_byte_timeout: 4s, idle_timeout: 4s}}
  claude: {{dialect: anthropic, base_url: "http://{sim}", keep_idle: 100ms, connect_timeout: 3s,
           first_byte_timeout: 4s, idle_timeout: 4s}}
models:
  m1: {{targets: [{{provider: openai, model: m1}}, {{provider: claude, model: m1}}]}}
"""


class Failed(Exception):
    """The program did not do what must be."""


def free_address():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{s.getsockname()[1]}"


def connect(address, timeout=REQUEST_S):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=timeout)


def dechunk(data):
    """The body and whether its last chunk has come."""
    body = b""
    while True:
        line, found, rest = data.partition(b"\r\n")
        if not found or not re.fullmatch(rb"[0-9a-fA-F]+", line):
            return body, False
        size = int(line, 16)
        if len(rest) < size + 2:
            return body + rest[:size], False
        body += rest[:size]
        data = rest[size + 2 :]
        if size == 0:
            return body, True


class Answer:
    """status 0: none came. whole: it ended as its head said."""

    def __init__(self, status=0, head="", body=b"", whole=False, keep=False):
        self.status, self.head, self.body, self.whole, self.keep = status, head, body, whole, keep

    def __repr__(self):
        return f"{self.status}{'' if self.whole else ', not whole'}: {self.body[-300:]!r}"


def parse_answer(data):
    head, found, rest = data.partition(b"\r\n\r\n")
    match = re.match(rb"HTTP/1\.1 (\d{3})", head)
    if not found or not match:
        return Answer()
    text = head.decode("latin-1").lower()
    if "transfer-encoding: chunked" in text:
        body, whole = dechunk(rest)
    else:
        length = re.search(r"content-length: (\d+)", text)
        body, whole = rest, length is not None and len(rest) >= int(length[1])
    return Answer(int(match[1]), head.decode("latin-1"), body, whole, "connection: close" not in text)


def request_bytes(path, body, method="POST", headers=""):
    data = body.encode()
    return f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {len(data)}\r\n\r\n".encode() + data


def exchange(sock, data):
    """Sends a request and reads its answer; a socket.timeout is a hanging gateway and the caller's to judge."""
    received = b""
    try:
        sock.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    while True:
        answer = parse_answer(received)
        if answer.whole:
            return answer
        try:
            more = sock.recv(65536)
        except ConnectionResetError:
            more = b""
        if not more:
            return answer
        received += more


CHAT = '{"model":"m1","messages":[{"role":"user","content":"hello"}]}'
CHAT_STREAM = '{"model":"m1","stream":true,"messages":[{"role":"user","content":"hello"}]}'
MESSAGES = '{"model":"m1","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}'
MESSAGES_STREAM = '{"model":"m1","max_tokens":50,"stream":true,"messages":[{"role":"user","content":"hello"}]}'


def is_complete(answer):
    """A whole 200, and a stream with its last event and no error in it."""
    if answer.status != 200 or not answer.whole:
        return False
    if "text/event-stream" in answer.head:
        return b"[DONE]" in answer.body or b"message_stop" in answer.body
    return answer.body.rstrip().endswith(b"}")


class Process:
    """weir with arguments in `folder`; its output goes to NAME.log there."""

    def __init__(self, weir, name, arguments, folder, environment=None):
        self.name, self.log_path = name, pathlib.Path(folder) / f"{name}.log"
        base = {k: os.environ[k] for k in KEPT_ENVIRONMENT if k in os.environ}
        base.update(HOME=str(folder), LC_ALL="C", **(environment or {}))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [weir, *arguments], cwd=folder, env=base, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def must_live(self):
        if not self.alive():
            raise Failed(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-6000:]}")

    def wait_ready(self, address, path):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            self.must_live()
            try:
                with connect(address, 5) as sock:
                    if exchange(sock, request_bytes(path, "", "GET")).status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise Failed(f"{self.name} did not answer {path} within {START_S} s:\n{self.log()[-4000:]}")

    def stop(self):
        """SIGTERM; it must end with 0, and a sanitizer speaks at the end."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(START_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} did not end within {START_S} s of SIGTERM:\n{self.log()[-4000:]}") from None
        if self.process.returncode != 0:
            raise Failed(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-6000:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss_kib(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)


class Rig:
    def __init__(self, weir, folder, shim=None, configuration=CONFIGURATION, sim_arguments=()):
        self.weir, self.folder, self.shim = weir, pathlib.Path(folder), shim
        self.gateway_at, self.admin_at, self.sim_at = free_address(), free_address(), free_address()
        (self.folder / "weir.yaml").write_text(
            configuration.format(gateway=self.gateway_at, admin=self.admin_at, sim=self.sim_at)
        )
        self.sim = Process(
            weir, "sim", ["sim", "--listen", self.sim_at, "--length", "constant:20", *sim_arguments], self.folder
        )
        self.gateway, self.tries = None, 1

    def launch(self, environment=None):
        if self.shim:
            options = ((environment or {}).get("ASAN_OPTIONS"), os.environ.get("ASAN_OPTIONS"))
            environment = self.shim.environment({"ASAN_OPTIONS": ":".join(filter(None, options))})
        self.gateway = Process(self.weir, "gateway", ["serve", "--config", "weir.yaml"], self.folder, environment)

    def start(self, environment=None):
        self.sim.wait_ready(self.sim_at, "/sim/stats")
        self.launch(environment)
        self.gateway.wait_ready(self.gateway_at, "/readyz")
        self.settle()

    def settle(self):
        """After a first request: what is open now is open for good."""
        self.must_serve(self.tries)
        deadline = time.monotonic() + REST_S
        while self.metrics()["weir_provider_connections"] > 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        samples = []
        for _ in range(20):  # the last connections of this client may not have been seen to close yet
            samples.append(self.gateway.fds())
            time.sleep(0.01)
        self.fds_at_rest = min(samples)

    def close(self):
        for process in (self.gateway, self.sim):
            if process and process.alive():
                process.kill()

    # requests

    def request(self, path, body, method="POST", address=None, headers=""):
        try:
            with connect(address or self.gateway_at) as sock:
                return exchange(sock, request_bytes(path, body, method, headers))
        except TimeoutError:
            raise Failed(f"{method} {path}: neither an answer nor an end of the connection within {REQUEST_S} s") from None
        except OSError:
            return Answer()

    def must_serve(self, tries=1):
        """`tries`: how often, where the provider itself fails now and then."""
        for attempt in range(tries, 0, -1):
            try:
                self.serve_both()
                return
            except Failed:
                if attempt == 1:
                    raise

    def serve_both(self):
        for path, body in (("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGES_STREAM)):
            answer = self.request(path, body)
            if not is_complete(answer):
                raise Failed(f"{path}, with nothing amiss, got {answer!r}")

    def two_on_one(self):
        """Two requests on one connection; a connection that was ended is replaced, as clients do."""
        answers = []
        try:
            with connect(self.gateway_at) as sock:
                answers.append(exchange(sock, request_bytes("/v1/chat/completions", CHAT)))
                if answers[0].whole and answers[0].keep:
                    answers.append(exchange(sock, request_bytes("/v1/messages", MESSAGES)))
        except TimeoutError:
            raise Failed(f"no end of an answer within {REQUEST_S} s") from None
        except OSError:
            answers.append(Answer())
        return answers

    def leave(self):
        """A client that goes in the middle of its stream."""
        try:
            with connect(self.gateway_at) as sock:
                sock.sendall(request_bytes("/v1/chat/completions", CHAT_STREAM))
                sock.recv(100)
        except TimeoutError:
            raise Failed(f"no answer within {REQUEST_S} s") from None
        except OSError:
            pass
        return []

    def reload(self):
        """Either taken over or refused; what matters is that the gateway serves on."""
        self.request("/control/reload", "", address=self.admin_at, headers="x-weir-ctl: 1\r\n")
        return []

    def mixed_load(self):
        """Both dialects, streamed and not, a client that leaves, a reload: at once. All answers."""
        jobs = (
            self.two_on_one,
            lambda: [self.request("/v1/chat/completions", CHAT_STREAM)],
            lambda: [self.request("/v1/messages", MESSAGES_STREAM, headers="connection: close\r\n")],
            self.leave,
            self.reload,
        )
        with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
            futures = [pool.submit(job) for job in jobs]
            return [answer for future in futures for answer in future.result()]

    # what must be true

    def metrics(self):
        answer = self.request("/metrics", "", "GET", self.admin_at)
        if answer.status != 200:
            self.gateway.must_live()
            raise Failed(f"/metrics: {answer!r}")
        return read_metrics(answer.body.decode())

    def at_rest(self, metrics):
        """None, or what is not yet over."""
        wanted = {"weir_requests_open": 0, "weir_provider_calls": 0, "weir_provider_calls_waiting": 0}
        for name, value in wanted.items():
            if metrics[name] != value:
                return f"{name} is {metrics[name]:g}"
        if metrics["received"] != metrics["ended"]:
            return f"{metrics['received']:g} requests were received and {metrics['ended']:g} have ended"
        done = metrics["weir_traces_written_total"] + metrics["weir_traces_dropped_total"] + metrics["weir_traces_failed_total"]
        if done != metrics["traced"]:
            return f"{metrics['traced']:g} requests have traces and the store has seen {done:g}"
        fds = self.gateway.fds()
        return None if fds <= self.fds_at_rest else f"{fds} file descriptors, {self.fds_at_rest} before"

    def must_rest(self):
        """Everything is accounted for and given back; returns the metrics."""
        deadline = time.monotonic() + REST_S
        while True:
            self.gateway.must_live()
            metrics = self.metrics()
            why = self.at_rest(metrics)
            if not why:
                return metrics
            if time.monotonic() > deadline:
                raise Failed(f"{REST_S} s after the last request: {why}")
            time.sleep(0.02)

    def wait_written(self, limit_s):
        """True as soon as the store has seen all traces; False when it has not after this long."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            metrics = self.metrics()
            if metrics["weir_traces_written_total"] == metrics["traced"] and metrics["weir_requests_open"] == 0:
                return True
            time.sleep(0.05)
        return False

    def traces(self):
        run = subprocess.run(
            [self.weir, "trace", "ls", "--json", "--limit", "100000"], cwd=self.folder, capture_output=True, timeout=60,
            check=False, env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
        )
        if run.returncode != 0:
            raise Failed(f"trace ls: {run.stderr.decode()}")
        return [json.loads(line) for line in run.stdout.decode().splitlines() if line.strip()]


def read_metrics(text):
    """Sums over labels; besides: received, ended, and by how: finished, cancelled, failed; those with a trace."""
    result = {"ended": 0, "finished": 0, "cancelled": 0, "failed": 0, "traced": 0}
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(\{.*\})? (\S+)", line)
        if not match:
            continue
        name, labels, value = match[1], match[2] or "", float(match[3])
        result[name] = result.get(name, 0) + value
        if name == "weir_requests_total":
            outcome = re.search(r'outcome="([^"]*)"', labels)[1]
            kind = {"ok": "finished", "caller_cancelled": "cancelled"}.get(outcome, "failed")
            result["ended"] += value
            result[kind] += value
    result["received"] = result["weir_requests_received_total"]
    result["traced"] = result["weir_requests_traced_total"]
    return result
