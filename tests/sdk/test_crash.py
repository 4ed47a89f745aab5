"""kill -9 at any moment: the store opens, its rows are whole, and what finished a second earlier is in it."""

import json
import random
import subprocess
import threading
import time

import httpx
import pytest

import harness

ROUNDS = 5
CALLERS = 8
GRACE_S = 1.0


class Caller(threading.Thread):
    """Calls until the gateway is gone, and notes when each answer was complete."""

    def __init__(self, url: str, number: int):
        super().__init__(daemon=True)
        self.url = url
        self.number = number
        self.finished: list[tuple[float, str]] = []

    def run(self):
        body = {"model": "m", "messages": [{"role": "user", "content": f"caller {self.number} " + "x" * 500}]}
        with httpx.Client(trust_env=False, timeout=10) as client:
            for i in range(100000):
                try:
                    answer = client.post(self.url + "/v1/chat/completions", json={**body, "stream": i % 2 == 0})
                except httpx.HTTPError:
                    return
                self.finished.append((time.monotonic(), answer.headers["x-weir-trace"]))


@pytest.mark.parametrize("capture", ["hashes", "full"])
def test_kill_9_loses_nothing_that_is_a_second_old(sim, tmp_path, capture):
    chance = random.Random(7)
    config = {
        "capture": capture,
        "providers": {"sim": {"dialect": "openai", "base_url": sim.url + "/v1"}},
        "models": {"m": {"targets": [{"provider": "sim", "model": "m"}]}},
    }
    seen = 0
    for round_number in range(ROUNDS):
        gateway = harness.Gateway(tmp_path, config)
        callers = [Caller(gateway.url, number) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        harness.wait_until("calls finish", lambda: sum(len(caller.finished) for caller in callers) >= CALLERS, 60)
        time.sleep(GRACE_S + chance.uniform(0.0, 1.0))
        killed_at = time.monotonic()
        gateway.process.process.kill()
        gateway.process.process.wait()
        for caller in callers:
            caller.join(30)
        listed = subprocess.run(
            [str(harness.weir_binary()), "trace", "ls", "--json", "--limit", "1000000", "--store", f"sqlite:{gateway.store_path}"],
            capture_output=True, text=True, check=True, timeout=120,
        )
        rows = {row["id"]: row for row in map(json.loads, listed.stdout.splitlines())}
        due = [i for caller in callers for at, i in caller.finished if at < killed_at - GRACE_S]
        assert due, "no call finished early enough to tell"
        assert [i for i in due if i not in rows] == []
        assert len(rows) >= seen, "rows of an earlier round are gone"
        seen = len(rows)
        for row in rows.values():
            assert row["status"] in (0, 200) and row["model_asked"] == "m" and len(row["request_hash"]) == 64
        if capture == "full":
            shown = subprocess.run(
                [str(harness.weir_binary()), "trace", "show", due[-1], "--json", "--store", f"sqlite:{gateway.store_path}"],
                capture_output=True, text=True, check=True, timeout=60,
            )
            assert "caller" in shown.stdout
