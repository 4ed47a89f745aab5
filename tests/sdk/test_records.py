"""What weir recorded agrees with what was called: weir trace, weir spend, and no secret anywhere."""

import pathlib
import subprocess

import openai
import pytest

import harness
from conftest import KEY, sim_config
from harness import dials, wait_until

QUESTION = [{"role": "user", "content": "Name three rivers."}]


def all_traces(gateway, count: int) -> list:
    def listed():
        rows = gateway.traces()
        return rows if len(rows) >= count else None

    return wait_until(f"{count} traces are listed", listed)


def test_a_trace_says_what_the_answer_said(own_gateway):
    with own_gateway.openai(KEY) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="fast", messages=QUESTION, temperature=0.25, user="u-1"
        )
    answer = raw.parse()
    trace = own_gateway.trace(raw.headers["x-weir-trace"])
    assert trace["tenant"] == "acme"
    assert trace["key_alias"] == "web"
    assert trace["route"] == "chat"
    assert trace["model_asked"] == "fast"
    assert (trace["provider"], trace["model_routed"]) == ("sim", "sim-small")
    assert trace["model_returned"] == answer.model
    assert trace["status"] == trace["upstream_status"] == 200
    assert trace["input_tokens"] == answer.usage.prompt_tokens
    assert trace["output_tokens"] == answer.usage.completion_tokens
    assert trace["usage_raw"]["completion_tokens"] == answer.usage.completion_tokens
    assert trace["finish_reason"] == "stop"
    assert trace["params_json"]["temperature"] == 0.25
    assert trace["request_body"]["messages"] == QUESTION
    assert trace["response_body"] == answer.model_dump(exclude_unset=True)
    assert 0 <= trace["received_us"] <= trace["sent_us"] <= trace["head_us"] <= trace["done_us"]
    # USD per million tokens is nano-dollars per thousandth of a token: 1.0 in, 2.0 out.
    assert trace["cost_nanousd"] == answer.usage.prompt_tokens * 1000 + answer.usage.completion_tokens * 2000


@pytest.mark.parametrize("asked", [False, True])
def test_a_streams_usage_is_recorded_whether_the_client_asked_for_it_or_not(own_gateway, asked):
    options = {"stream_options": {"include_usage": True}} if asked else {}
    with own_gateway.openai(KEY) as client:
        plain = client.chat.completions.create(model="fast", messages=QUESTION)
        stream = client.chat.completions.create(model="fast", messages=QUESTION, stream=True, **options)
        trace_id = stream.response.headers["x-weir-trace"]
        assert list(stream)
    trace = own_gateway.trace(trace_id)
    assert trace["input_tokens"] == plain.usage.prompt_tokens
    assert trace["output_tokens"] == plain.usage.completion_tokens
    assert trace["usage_source"] == "provider"


def test_usage_that_the_provider_leaves_out_is_estimated_and_said_to_be(own_gateway):
    with own_gateway.openai(KEY) as client:
        stream = client.chat.completions.create(
            model="fast", messages=QUESTION, stream=True, extra_headers=dials(usage="absent", length="constant:100")
        )
        trace_id = stream.response.headers["x-weir-trace"]
        assert list(stream)
    trace = own_gateway.trace(trace_id)
    assert trace["usage_source"] == "estimated"
    assert 50 <= trace["output_tokens"] <= 200


def test_the_list_and_the_spend_agree_with_the_calls(own_gateway):
    usages, fails = [], 2
    with own_gateway.openai(KEY) as client, own_gateway.anthropic(KEY) as claude:
        for _ in range(3):
            usages.append(client.chat.completions.create(model="fast", messages=QUESTION).usage)
        message = claude.messages.create(model="claude", max_tokens=50, messages=QUESTION)
        for _ in range(fails):
            with pytest.raises(openai.BadRequestError):
                client.chat.completions.create(
                    model="fast", messages=QUESTION, extra_headers=dials(error=400)
                )
    traces = all_traces(own_gateway, 4 + fails)
    assert len(traces) == 4 + fails
    assert sorted(trace["status"] for trace in traces) == [200] * 4 + [400] * fails
    rows = own_gateway.spend_by_model()
    fast = rows["sim-small"]
    assert (fast["requests"], fast["failed"]) == (3 + fails, fails)
    assert fast["input_tokens"] == sum(usage.prompt_tokens for usage in usages)
    assert fast["output_tokens"] == sum(usage.completion_tokens for usage in usages)
    assert fast["cost_nanousd"] == sum(
        usage.prompt_tokens * 1000 + usage.completion_tokens * 2000 for usage in usages
    )
    assert rows["sim-claude"]["output_tokens"] == message.usage.output_tokens
    assert rows["sim-claude"]["unpriced"] == 1


def test_filters_of_the_list(own_gateway):
    with own_gateway.openai(KEY) as client, own_gateway.anthropic(KEY) as claude:
        client.chat.completions.create(model="fast", messages=QUESTION)
        claude.messages.create(model="claude", max_tokens=50, messages=QUESTION)
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="fast", messages=QUESTION, extra_headers=dials(error=429))
    all_traces(own_gateway, 3)
    assert [row["model_asked"] for row in own_gateway.traces("--model", "claude")] == ["claude"]
    assert [row["status"] for row in own_gateway.traces("--status", "429")] == [429]
    assert len(own_gateway.traces("--status", "ok")) == 2
    assert len(own_gateway.traces("--key", "web", "--since", "1h")) == 3
    assert own_gateway.traces("--tenant", "nobody") == []


def test_a_key_made_by_weir_opens_the_door(own_sim, weir_program, tmp_path):
    """`weir key new` prints the secret once, and the entry to paste."""
    import yaml

    made = subprocess.run(
        [weir_program, "key", "new", "--tenant", "acme", "--alias", "fresh"],
        capture_output=True, text=True, check=True, timeout=30,
    )
    lines = made.stdout.splitlines()
    secret = next(word for line in lines for word in line.split() if word.startswith("sk-weir-"))
    assert harness.digest(secret) in made.stdout
    config = sim_config(own_sim)
    config["tenants"]["acme"]["keys"].append({"alias": "fresh", "sha256": harness.digest(secret)})
    assert yaml.safe_dump(config)
    gateway = harness.Gateway(tmp_path, config, name="fresh")
    try:
        with gateway.openai(secret) as client:
            assert client.chat.completions.create(model="fast", messages=QUESTION).choices
    finally:
        gateway.stop()


def test_no_secret_is_written_anywhere(own_gateway, own_sim):
    with own_gateway.openai(KEY) as client, own_gateway.anthropic(KEY) as claude:
        client.chat.completions.create(model="fast", messages=QUESTION)
        claude.messages.create(model="claude", max_tokens=50, messages=QUESTION)
        for status in (400, 500):
            with pytest.raises(openai.APIStatusError):
                client.chat.completions.create(
                    model="fast", messages=QUESTION, extra_headers=dials(error=status)
                )
    with own_gateway.openai("sk-weir-wrong-key-of-a-caller") as client:
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="fast", messages=QUESTION)
    traces = all_traces(own_gateway, 4)
    shown = "".join(own_gateway.command("trace", "show", row["id"]).stdout for row in traces)
    processes = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    config = pathlib.Path(own_gateway.config_path)
    secrets = (KEY, harness.UPSTREAM_SECRET, "sk-weir-wrong-key-of-a-caller")
    for secret in secrets:
        assert secret not in shown
        assert secret not in processes
        for path in own_gateway.folder.iterdir():
            if path.is_file() and path != config:
                assert secret.encode() not in path.read_bytes(), path.name


def test_an_answer_is_in_the_store_within_a_second_though_weir_is_killed(own_sim, tmp_path):
    import signal
    import time

    gateway = harness.Gateway(tmp_path, sim_config(own_sim), name="killed")
    with gateway.openai(KEY) as client:
        ids = [
            client.chat.completions.with_raw_response.create(model="fast", messages=QUESTION).headers["x-weir-trace"]
            for _ in range(20)
        ]
    time.sleep(1.1)
    gateway.process.process.send_signal(signal.SIGKILL)
    gateway.process.process.wait()
    gateway.process.log.close()
    assert all(gateway.trace(trace_id)["status"] == 200 for trace_id in ids)
