"""The result as text: one Markdown block that can be read on a terminal and pasted into RESULTS.md."""
import datetime
import os
import platform
import re
import statistics
import subprocess


def run(*command):
    """What a program prints on either stream; nothing when it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout or done.stderr).strip()
    except OSError:
        return ""


def about(bench):
    """Where and with what it was measured."""
    root = bench.build.parent.parent
    processor = re.search(r"model name\s*:\s*(.*)", open("/proc/cpuinfo").read())
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": run("git", "-C", root, "describe", "--always", "--dirty", "--abbrev=10"),
        "weir": run(bench.weir, "version").splitlines()[0],
        "nginx": run("nginx", "-v").rpartition("/")[2],
        "haproxy": (run("haproxy", "-v").split() + [""] * 3)[2],
        "processor": f"{os.cpu_count()} x {processor[1] if processor else platform.machine()}",
        "kernel": platform.release(),
        "load_average": os.getloadavg()[0],
        "rounds": bench.args.rounds,
        "seconds": bench.args.seconds,
    }


def one_line(sample):
    if sample["events"]:
        return (f"{sample['completed']} streams, event p50 {sample['delay_us']['p50']:.0f} us "
                f"p99 {sample['delay_us']['p99']:.0f} us, {sample['cpu_us_per_event']:.1f} us CPU/event")
    return (f"{sample['rate']:.0f} requests/s, {sample['cpu_us']:.1f} us CPU, "
            f"p99 {sample['latency_us']['p99']:.0f} us")


def table(head, rows):
    """Markdown, with columns that line up."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    lines = ["| " + " | ".join(str(v).ljust(w) for v, w in zip(row, widths)) + " |" for row in [head, *rows]]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def middle(samples, *path):
    values = samples
    for name in path:
        values = [v[name] for v in values]
    return statistics.median(values)


def cell_rows(name, peers):
    for peer, samples in peers.items():
        if not samples:
            continue
        yield [name, peer, f"{middle(samples, 'rate'):,.0f}", f"{middle(samples, 'cpu_us'):.1f}",
               f"{middle(samples, 'latency_us', 'p50'):,.0f}", f"{middle(samples, 'latency_us', 'p99'):,.0f}",
               f"{middle(samples, 'rss_mb'):.1f}", sum(s["failed"] for s in samples)]


def stream_rows(name, peers):
    for peer, samples in peers.items():
        if not samples:
            continue
        yield [name, peer, f"{middle(samples, 'delay_us', 'p50'):.1f}", f"{middle(samples, 'delay_us', 'p99'):.1f}",
               f"{middle(samples, 'first_byte_us', 'p50'):.0f}", f"{middle(samples, 'first_byte_us', 'p99'):.0f}",
               f"{middle(samples, 'cpu_us_per_event'):.1f}", f"{middle(samples, 'rss_mb'):.1f}",
               sum(s["failed"] for s in samples)]


def open_rows(extras):
    for name, found in extras.items():
        if name.startswith("open-") and found:
            yield [name, f"{found['streams']:,}", f"{found['bytes_per_stream'] / 1024:.1f}",
                   f"{found['delay_us']['p50']:,.0f}", f"{found['delay_us']['p99']:,.0f}", found["failed"]]


def number(value):
    return "" if value is None else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def verdict_row(v):
    bound = (">= " if v["at_least"] else "<= ") + number(v["bound"]) + (" " + v["unit"] if v["unit"] else "")
    spread = f"{number(v['low'])} .. {number(v['high'])}" if v.get("low") is not None else ""
    return [v["name"], bound, number(v.get("median")), spread, v["verdict"]]


def markdown(results):
    a = results["about"]
    parts = [
        f"weir {a['commit']} ({a['weir']}), nginx {a['nginx']}, HAProxy {a['haproxy']}; {a['processor']}, Linux "
        f"{a['kernel']}; {a['date']}; {a['rounds']} rounds of {a['seconds']:g} s; load average {a['load_average']:.1f}.",
    ]
    cells = {name: c["samples"] for name, c in results["cells"].items()}
    streams = {name: c for name, c in cells.items() if name.startswith("sse-")}
    rows = [row for name, c in cells.items() if name not in streams for row in cell_rows(name, c)]
    if rows:
        head = ["load", "through", "requests/s", "CPU us/request", "p50 us", "p99 us", "RSS MB", "failed"]
        parts.append(table(head, rows))
    rows = [row for name, c in streams.items() for row in stream_rows(name, c)]
    if rows:
        head = ["load", "through", "event p50 us", "event p99 us", "first byte p50 us", "p99 us", "CPU us/event",
                "RSS MB", "failed"]
        parts.append(table(head, rows))
    rows = list(open_rows(results["extras"]))
    if rows:
        parts.append(table(["open at 1 event/s", "streams", "KB each", "event p50 us", "p99 us", "failed"], rows))
    rows = [verdict_row(v) for v in results["verdicts"] if v["verdict"] != "NOT MEASURED"]
    if rows:
        parts.append(table(["target", "bound", "median", "95% interval", "verdict"], rows))
    missing = [v["name"] for v in results["verdicts"] if v["verdict"] == "NOT MEASURED"]
    if missing:
        parts.append("Not measured: " + "; ".join(missing) + ".")
    return "\n\n".join(parts)
