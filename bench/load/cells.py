"""What is run, and what is asked of it: the tables of cells, of further measurements and of targets."""
import dataclasses
import shutil
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


def highest_rss(server, running):
    """A function that gives the highest memory seen so far; a thread of its own watches while running()."""
    highest = [server.rss_bytes()]

    def watch():
        while running():
            highest[0] = max(highest[0], server.rss_bytes())
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    return lambda: (watcher.join(), highest[0])[1]


def open_streams(bench, streams, through=None):
    """Many slow streams at once: one event a second each. `through`: "h2" or "tls", before the mock."""
    seconds = 15
    if bench.args.quick:
        streams, seconds = 100, 2
    if through and not (shutil.which("nghttpx") and servers.knows(bench.weir, "http2")):
        return None
    started, running = [], [True]
    try:
        started.append(servers.mock(bench.build / "bench/bench_mock", bench.args.load, bench.directory))
        provider = started[0].port
        if through:
            started.append(servers.Nghttpx(bench.args.load, provider, bench.directory, tls=through == "tls"))
            started[-1].wait()
            provider = started[-1].provider
        weir = servers.Weir("weir", bench.weir, bench.args.proxy, provider, bench.directory)
        started.append(weir)
        idle = weir.rss_bytes()
        highest = highest_rss(weir, lambda: running[0])
        result = bench.client(bench.args.load, weir.port, connections=streams, ms=3000, ramp_ms=2500,
                              events=seconds, interval_us=1_000_000, body_bytes=2 * KB)
        weir.settle(result["completed"] + result["failed"])
        counts = weir.counts()
    finally:
        running[0] = False
        for server in reversed(started):
            server.stop()
    return {"streams": streams, "bytes_per_stream": (highest() - idle) / streams, "failed": result["failed"],
            "completed": result["completed"], "failures": result["failures"], "counts": counts,
            "delay_us": result["delay_us"]}


EXTRAS = {
    "size": size,
    "start": start,
    "open-9000": lambda bench: open_streams(bench, 9000),
    "open-10000-h2": lambda bench: open_streams(bench, 10000, "h2"),
    "open-2000-tls": lambda bench: open_streams(bench, 2000, "tls"),
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
        except (KeyError, TypeError):  # a part that did not run, or could not
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
    """Requests of weir-b without a trace or without a row of the ledger, or dropped, in all cells."""
    rows = [c["counts"]["weir-b"] for c in results["cells"].values() if "weir-b" in c["counts"]]
    return sum(missing_rows(row) for row in rows) if rows else None


def missing_rows(counts):
    ledger = counts["requests"] if counts["ledger"] is None else counts["ledger"]
    return abs(counts["requests"] - counts["traces"]) + abs(counts["requests"] - ledger) + counts["dropped"]


def lock_wait_share(results):
    """Of the time of both workers, in percent, each round."""
    return verdict.Estimate([100 * w for w in column(results, "workers", "weir-2", "lock_wait_share")])


def open_target(extra, what, streams):
    yield Target(f"memory per open stream, {what}",
                 lambda results: results["extras"][extra]["bytes_per_stream"] / KB, 32, unit="KB")
    yield Target(f"failures among {streams:,} open streams, {what}",
                 lambda results: results["extras"][extra]["failed"], 0)


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
    Target("(b) requests without trace or ledger row, or dropped", uncounted, 0),
    Target("two workers: CPU per request / one worker", ratio("workers", "weir-2", "weir-a", "cpu_us"), 1.15),
    Target("two workers: wait for the governor's lock, of their time", lock_wait_share, 2, unit="%"),
    *(Target(f"SSE, 64 streams: added {p}, weir (a) - 1.2 x nginx", added_beyond("sse-64", "weir-a", "nginx", p, 1.2), 0,
             unit="us") for p in ("p50", "p99")),
    Target("SSE, 64 streams: p99 of the time to the first byte, weir (a) - nginx",
           difference("sse-64", "weir-a", "nginx", "first_byte_us", "p99"), 300, unit="us"),
    Target("resident memory, idle", per_round("start", "rss_mb"), 15, unit="MB"),
    *open_target("open-9000", "HTTP/1.1", 9000),
    *open_target("open-10000-h2", "HTTP/2 upstream", 10000),
    Target("start to first answered request", per_round("start", "ms"), 100, unit="ms"),
    Target("stripped program", lambda results: results["extras"]["size"]["bytes"] / 1e6, 5, unit="MB"),
]
