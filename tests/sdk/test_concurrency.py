"""Many calls at once: each gets its own answer, whole, and the simulator sees them side by side."""

import asyncio
import concurrent.futures

from conftest import KEY
from harness import dials

CALLS = 50
PACED = dials(echo="true", ttft="constant:100", itl="constant:5")


def question(number: int) -> str:
    return f"call {number}: " + " ".join(f"word{number}x{index}" for index in range(40))


async def stream_chat(client, number: int) -> str:
    messages = [{"role": "user", "content": question(number)}]
    stream = await client.chat.completions.create(model="fast", messages=messages, stream=True, extra_headers=PACED)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def stream_messages(client, number: int) -> str:
    messages = [{"role": "user", "content": question(number)}]
    async with client.messages.stream(
        model="claude", max_tokens=1000, messages=messages, extra_headers=PACED
    ) as stream:
        return "".join([text async for text in stream.text_stream])


def test_parallel_streams_of_both_dialects_are_not_mixed_up(own_gateway, own_sim):
    async def run():
        async with own_gateway.async_openai(KEY) as client, own_gateway.async_anthropic(KEY) as claude:
            chats = [stream_chat(client, number) for number in range(CALLS)]
            messages = [stream_messages(claude, number) for number in range(CALLS)]
            return await asyncio.gather(*chats, *messages)

    answers = asyncio.run(run())
    assert answers == [question(number) for number in range(CALLS)] * 2
    stats = own_sim.stats()
    assert stats["requests"] == 2 * CALLS
    assert stats["cancelled"] == 0
    assert stats["peak_concurrency"] > CALLS // 2


def test_threads_may_share_a_client(gateway):
    with gateway.openai(KEY) as client, concurrent.futures.ThreadPoolExecutor(16) as pool:

        def call(number: int) -> str:
            answer = client.chat.completions.create(
                model="fast", messages=[{"role": "user", "content": question(number)}],
                extra_headers=dials(echo="true"),
            )
            return answer.choices[0].message.content

        assert list(pool.map(call, range(64))) == [question(number) for number in range(64)]


def test_half_of_the_callers_leaving_does_not_disturb_the_others(own_gateway, own_sim):
    async def leave(client, number: int) -> None:
        messages = [{"role": "user", "content": question(number)}]
        stream = await client.chat.completions.create(
            model="fast", messages=messages, stream=True, extra_headers=PACED
        )
        await anext(aiter(stream))
        await stream.close()

    async def run():
        async with own_gateway.async_openai(KEY) as client:
            stay = [stream_chat(client, number) for number in range(CALLS // 2)]
            gone = [leave(client, number) for number in range(CALLS // 2)]
            return await asyncio.gather(*stay, *gone)

    answers = asyncio.run(run())
    assert answers[: CALLS // 2] == [question(number) for number in range(CALLS // 2)]
