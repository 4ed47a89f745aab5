"""What is run, and what is asked of it: the tables of cells, of further measurements and of targets."""
import dataclasses
import pathlib
import statistics
import subprocess
import threading
import time

import servers
import verdict

KB = 1024
PLAIN = ("direct", "nginx", "haproxy", "weir-a", "weir-b")
STREAM = ("direct", "nginx", "haproxy", "weir-a", "weir-b")
NOT_MEASURED = "NOT MEASURED"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One kind of load. `load` are options of bench_client."""

    name: str
    peers: tuple
    load: dict


def plain(kb, connections, peers=PLAIN, name=None):
    return Cell(name or f"{kb}k-{connections}", peers, {"body_bytes": kb * KB, "connections": connections})


def stream(streams, events, interval_us):
    load = {"body_bytes": 2 * KB, "connections": streams, "events": events, "interval_us": interval_us,
            "ramp_ms": interval_us // 1000}
    return Cell(f"sse-{streams}", STREAM, load)


CELLS = [
    *(plain(kb, connections) for kb in (2, 20) for connections in (1, 32, 256)),
    stream(64, 100, 5_000),
    stream(1000, 20, 50_000),
    plain(2, 256, ("weir-a", "weir-2"), "workers"),
]

# ---- further measurements: each gets the Bench and gives a dict ------------------------------------------------------


def size(bench):
    stripped = bench.directory / "stripped"
    subprocess.run(["strip", "-o", stripped, bench.weir], check=True)
    return {"bytes": stripped.stat().st_size}


def start(bench):
    """From the start of the process to the first answered request, and the memory then."""
    mock = servers.mock(bench.build / "bench/bench_mock", bench.args.load, bench.directory)
    times_ms, rss_mb = [], []
    try:
        for _ in range(bench.args.rounds):
            weir = servers.Weir("weir", bench.weir, bench.args.proxy, mock.port, bench.directory)
            times_ms.append(weir.start_s * 1000)
            time.sleep(0.2)
            rss_mb.append(weir.rss_bytes() / 1e6)
            weir.stop()
    finally:
        mock.stop()
    return {"ms": times_ms, "rss_mb": rss_mb}


def open_streams(bench, streams, seconds):
    """Many slow streams at once: one event a second each."""
    mock = servers.mock(bench.build / "bench/bench_mock", bench.args.load, bench.directory)
    weir = servers.Weir("weir", bench.weir, bench.args.proxy, mock.port, bench.directory)
    highest, running = [weir.rss_bytes()], True
    idle = highest[0]

    def watch():
        while running:
            highest[0] = max(highest[0], weir.rss_bytes())
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result = bench.client(bench.args.load, weir.port, connections=streams, ms=3000, ramp_ms=2500,
                              events=seconds, interval_us=1_000_000, body_bytes=2 * KB)
        weir.settle(result["completed"] + result["failed"])
        counts = weir.counts()
    finally:
        running = False
        watcher.join()
        weir.stop()
        mock.stop()
    return {"streams": streams, "bytes_per_stream": (highest[0] - idle) / streams, "failed": result["failed"],
            "completed": result["completed"], "failures": result["failures"], "counts": counts,
            "delay_us": result["delay_us"]}


EXTRAS = {
    "size": size,
    "start": start,
    "open-9000": lambda bench: open_streams(bench, 200 if bench.args.quick else 9000, 2 if bench.args.quick else 15),
}

# ---- targets -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Target:
    """`estimate` makes an Estimate, a number or None (not measured) of all results; it is compared with `bound`."""

    name: str
    estimate: object
    bound: float
    at_least: bool = False
    unit: str = ""

    def judge(self, results):
        try:
            found = self.estimate(results)
        except KeyError:
            found = None
        result = {"name": self.name, "bound": self.bound, "at_least": self.at_least, "unit": self.unit}
        if found is None:
            return result | {"verdict": NOT_MEASURED}
        if isinstance(found, verdict.Estimate):
            judged = found.at_least(self.bound) if self.at_least else found.at_most(self.bound)
            return result | found.as_json() | {"verdict": judged}
        good = found >= self.bound if self.at_least else found <= self.bound
        return result | {"median": found, "verdict": verdict.PASS if good else verdict.FAIL}


def column(results, cell, peer, *path):
    """One figure of each round."""
    values = results["cells"][cell]["samples"][peer]
    for name in path:
        values = [v[name] for v in values]
    return values


def ratio(cell, ours, theirs, *path):
    return lambda results: verdict.ratio(column(results, cell, ours, *path), column(results, cell, theirs, *path))


def added_beyond(cell, ours, theirs, share, factor):
    """What ours adds to the direct delay of an event, less `factor` times what theirs adds: no ratio, because what is
    added may be next to nothing."""

    def estimate(results):
        delays = [column(results, cell, peer, "delay_us", share) for peer in (ours, theirs, "direct")]
        return verdict.Estimate([(a - d) - factor * (b - d) for a, b, d in zip(*delays, strict=True)])

    return estimate


def difference(cell, ours, theirs, *path):
    return lambda results: verdict.difference(column(results, cell, ours, *path), column(results, cell, theirs, *path))


def uncounted(results):
    """Requests of weir-b without a trace, or dropped, in all cells."""
    rows = [c["counts"]["weir-b"] for c in results["cells"].values() if "weir-b" in c["counts"]]
    return sum(abs(r["requests"] - r["traces"]) + r["dropped"] for r in rows) if rows else None


def per_round(extra, name):
    return lambda results: verdict.Estimate(results["extras"][extra][name])


def speed_targets():
    for kb, share, more in ((2, 0.9, 1.1), (20, 0.8, 1.25)):
        for connections in (32, 256):
            cell = f"{kb}k-{connections}"
            yield Target(f"(a) {kb} KB, {connections} connections: requests/s / nginx",
                         ratio(cell, "weir-a", "nginx", "rate"), share, at_least=True)
            yield Target(f"(a) {kb} KB, {connections} connections: CPU per request / nginx",
                         ratio(cell, "weir-a", "nginx", "cpu_us"), more)
    for kb in (2, 20):
        for connections in (32, 256):
            yield Target(f"(b) {kb} KB, {connections} connections: CPU per request / nginx",
                         ratio(f"{kb}k-{connections}", "weir-b", "nginx", "cpu_us"), 1.7)


TARGETS = [
    *speed_targets(),
    Target("(a) 2 KB, 32 connections: p99 / HAProxy", ratio("2k-32", "weir-a", "haproxy", "latency_us", "p99"), 1.5),
    Target("(b) requests without a trace, or dropped", uncounted, 0),
    Target("two workers: CPU per request / one worker", ratio("workers", "weir-2", "weir-a", "cpu_us"), 1.15),
    *(Target(f"SSE, 64 streams: added {p}, weir (a) - 1.2 x nginx", added_beyond("sse-64", "weir-a", "nginx", p, 1.2), 0,
             unit="us") for p in ("p50", "p99")),
    Target("SSE, 64 streams: p99 of the time to the first byte, weir (a) - nginx",
           difference("sse-64", "weir-a", "nginx", "first_byte_us", "p99"), 300, unit="us"),
    Target("resident memory, idle", per_round("start", "rss_mb"), 15, unit="MB"),
    Target("memory per open stream, 9,000 over HTTP/1.1",
           lambda results: results["extras"]["open-9000"]["bytes_per_stream"] / KB, 32, unit="KB"),
    Target("failures among 9,000 open streams", lambda results: results["extras"]["open-9000"]["failed"], 0),
    Target("start to first answered request", per_round("start", "ms"), 100, unit="ms"),
    Target("stripped program", lambda results: results["extras"]["size"]["bytes"] / 1e6, 5, unit="MB"),
]
