"""A client that leaves, in any phase, ends the provider's work at once: the simulator is asked what it still did."""

import asyncio
import time

import pytest

from conftest import KEY
from harness import dials, wait_until

QUESTION = [{"role": "user", "content": "Name three rivers."}]
TOKEN_S = 0.2
SLOW = dials(itl=f"constant:{TOKEN_S * 1000:.0f}", length="constant:400")
EVENTS_AFTER_LEAVING = 2


def wait_for_cancelled(sim, count: int = 1) -> dict:
    return wait_until(
        f"{count} calls cancelled", lambda: (stats := sim.stats())["cancelled"] >= count and stats, timeout_s=10
    )


def check_left_in(gateway, trace_id: str, phase: str | None = None) -> None:
    trace = gateway.trace(trace_id)
    assert trace["cancelled_in"]
    if phase is not None:
        assert trace["cancelled_in"] == phase


def start_stream(gateway, route: str):
    """An open stream and the function that says whether an event carries a token."""
    if route == "messages":
        client = gateway.anthropic(KEY)
        stream = client.messages.create(
            model="claude", max_tokens=1000, messages=QUESTION, stream=True, extra_headers=SLOW
        )
        return client, stream, lambda event: event.type == "content_block_delta"
    client = gateway.openai(KEY)
    if route == "chat":
        stream = client.chat.completions.create(model="fast", messages=QUESTION, stream=True, extra_headers=SLOW)
        return client, stream, lambda chunk: bool(chunk.choices[0].delta.content)
    if route == "completions":
        stream = client.completions.create(
            model="fast", prompt="Rivers:", max_tokens=1000, stream=True, extra_headers=SLOW
        )
        return client, stream, lambda chunk: bool(chunk.choices[0].text)
    stream = client.responses.create(model="fast", input="Name three rivers.", stream=True, extra_headers=SLOW)
    return client, stream, lambda event: event.type == "response.output_text.delta"


@pytest.mark.parametrize("route", ["chat", "completions", "responses", "messages"])
def test_leaving_in_mid_stream_cancels_the_call(own_gateway, own_sim, route):
    started = time.monotonic()
    client, stream, is_token = start_stream(own_gateway, route)
    trace_id = stream.response.headers["x-weir-trace"]
    tokens = 0
    with client:
        for event in stream:
            tokens += is_token(event)
            if tokens == 3:
                break
        stream.close()
        # A busy machine may read late, so what counts is what the simulator can have said in that time.
        said = 1 + (time.monotonic() - started) / TOKEN_S
        stats = wait_for_cancelled(own_sim)
    assert stats["cancelled"] == 1
    assert 3 <= stats["tokens_generated"] <= said + EVENTS_AFTER_LEAVING
    check_left_in(own_gateway, trace_id)


def test_leaving_while_waiting_for_the_first_token_cancels_the_call(own_gateway, own_sim):
    with own_gateway.openai(KEY, timeout=0.5) as client:
        with pytest.raises(Exception, match="timed out"):
            client.chat.completions.create(
                model="fast", messages=QUESTION, stream=True, extra_headers=dials(ttft="constant:60000")
            )
    stats = wait_for_cancelled(own_sim)
    assert stats["tokens_generated"] == 0


def test_leaving_an_unstreamed_call_cancels_it(own_gateway, own_sim):
    with own_gateway.anthropic(KEY, timeout=0.5) as client:
        with pytest.raises(Exception, match="timed out"):
            client.messages.create(model="claude", max_tokens=1000, messages=QUESTION, extra_headers=SLOW)
    wait_for_cancelled(own_sim)


def test_a_cancelled_task_cancels_the_call(own_gateway, own_sim):
    async def leave():
        async with own_gateway.async_openai(KEY) as client:
            task = asyncio.create_task(
                client.chat.completions.create(model="fast", messages=QUESTION, extra_headers=SLOW)
            )
            await asyncio.sleep(0.5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(leave())
    wait_for_cancelled(own_sim)


def test_the_connection_and_the_gateway_are_fine_afterwards(own_gateway, own_sim):
    with own_gateway.openai(KEY) as client:
        for _ in range(5):
            stream = client.chat.completions.create(
                model="fast", messages=QUESTION, stream=True, extra_headers=SLOW
            )
            next(iter(stream))
            stream.close()
        wait_for_cancelled(own_sim, 5)
        answer = client.chat.completions.create(model="fast", messages=QUESTION)
    assert answer.choices[0].message.content
    assert own_sim.stats()["in_flight"] == 0
