"""The Node SDKs: each test of node/*.test.mjs is an item of this run. Node's own runner runs each file once."""

import os
import re
import shutil
import subprocess

import pytest

import harness
from conftest import KEY, NARROW_KEY, missing

FOLDER = harness.ROOT / "tests/sdk/node"
NODE_MODULES = harness.ROOT / "build/node"
RUN_TIMEOUT_S = 240


def cases() -> list:
    """(file, name) of every test, read from the sources so that a file that does not load fails by name."""
    return [
        (path.name, name)
        for path in sorted(FOLDER.glob("*.test.mjs"))
        for name in re.findall(r'^test\("(.*)", ', path.read_text(), re.MULTILINE)
    ]


def outcomes_of(tap: str) -> dict:
    """Name -> (passed, what TAP says of it)."""
    found = {}
    parts = re.split(r"^(?=(?:not )?ok \d+ - )", tap, flags=re.MULTILINE)
    for part in parts:
        match = re.match(r"(not )?ok \d+ - (.*)", part)
        if match:
            found[match.group(2).replace("\\", "")] = (match.group(1) is None, part)
    return found


@pytest.fixture(scope="session")
def run_file(own_node, node_gateway):
    """Runs a file once and remembers its outcomes."""
    done = {}
    environment = {
        **os.environ, "WEIR_NODE_FOLDER": str(NODE_MODULES), "WEIR_URL": node_gateway.url, "WEIR_KEY": KEY,
        "WEIR_NARROW_KEY": NARROW_KEY, "WEIR_SIM_URL": node_gateway.sim.url,
    }

    def run(name: str) -> tuple:
        if name not in done:
            result = subprocess.run(
                [own_node, "--test-reporter=tap", name], cwd=FOLDER, env=environment, capture_output=True,
                text=True, timeout=RUN_TIMEOUT_S, check=False,
            )
            done[name] = (outcomes_of(result.stdout), result.stdout[-2000:] + result.stderr[-2000:])
        return done[name]

    return run


@pytest.fixture(scope="session")
def own_node():
    node = shutil.which(os.environ.get("NODE", "node"))
    if node is None or not (NODE_MODULES / "node_modules/openai").is_dir():
        missing("Node and its SDKs: run tests/sdk/setup")
    return node


@pytest.fixture(scope="session")
def node_gateway(weir_program, tmp_path_factory):
    """Apart from the other tests', since cancelled calls are counted."""
    from conftest import sim_config

    folder = tmp_path_factory.mktemp("node")
    sim = harness.Sim(folder)
    gateway = harness.Gateway(folder, sim_config(sim))
    gateway.sim = sim
    yield gateway
    gateway.stop()
    sim.stop()


@pytest.mark.parametrize(("file", "name"), cases(), ids=lambda value: value.removesuffix(".test.mjs"))
def test_node(run_file, file, name):
    outcomes, output = run_file(file)
    assert name in outcomes, output
    passed, report = outcomes[name]
    assert passed, report
