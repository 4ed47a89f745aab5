"""The same SDK calls against a real model behind weir: a server weir's authors did not write."""

import asyncio
import json

import pydantic
import pytest

from harness import wait_until

KEY = "unused"
QUESTION = [{"role": "user", "content": "Name three rivers."}]
CALL = {"model": "smollm2", "messages": QUESTION, "max_tokens": 24, "temperature": 0}

CITY_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
            "required": ["city"],
        },
    },
}
# The tokens of "<tool_call>". The grammar of the server holds the model to a call once it begins one; left alone, a
# model this small does not begin.
BEGIN_A_CALL = {"44": 4, "19324": 4, "79": 4, "4350": 4, "46": 4}


class Person(pydantic.BaseModel):
    name: str
    age: int


@pytest.fixture
def client(model_gateway):
    with model_gateway.openai(KEY) as made:
        yield made


@pytest.fixture
def claude(model_gateway):
    with model_gateway.anthropic(KEY) as made:
        yield made


def test_a_real_answer_plain_and_its_record(client, model_gateway):
    raw = client.chat.completions.with_raw_response.create(**CALL)
    answer = raw.parse()
    assert answer.choices[0].message.content
    trace = model_gateway.trace(raw.headers["x-weir-trace"])
    assert trace["input_tokens"] == answer.usage.prompt_tokens
    assert trace["output_tokens"] == answer.usage.completion_tokens
    assert trace["price_status"] == "unpriced"
    assert trace.get("cost_nanousd") is None


def test_a_real_stream_and_its_record(client, model_gateway):
    stream = client.chat.completions.create(**CALL, stream=True)
    trace_id = stream.response.headers["x-weir-trace"]
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text
    assert all(chunk.choices for chunk in chunks), "the usage chunk was not asked for"
    trace = model_gateway.trace(trace_id)
    assert trace["usage_source"] == "provider"
    assert 0 < trace["output_tokens"] <= 24
    assert trace["first_us"] < trace["done_us"]


def test_a_real_stream_ends_with_usage_when_asked(client):
    chunks = list(client.chat.completions.create(**CALL, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0


def test_a_schema_is_held_to(client):
    answer = client.chat.completions.parse(
        model="smollm2", max_tokens=200, temperature=0,
        messages=[{"role": "user", "content": "A person: Ada, 36 years old. As JSON."}], response_format=Person,
    )
    assert isinstance(answer.choices[0].message.parsed, Person)


def test_real_tool_calls_plain_and_streamed(client):
    call = {
        "model": "smollm2", "max_tokens": 160, "temperature": 0, "tools": [CITY_TOOL], "tool_choice": "required",
        "logit_bias": BEGIN_A_CALL,
        "messages": [{"role": "user", "content": "Call get_weather for Paris."}],
    }
    plain = client.chat.completions.create(**call).choices[0].message.tool_calls
    joined = {}
    for chunk in client.chat.completions.create(**call, stream=True):
        for delta in chunk.choices[0].delta.tool_calls or []:
            part = joined.setdefault(delta.index, {"name": "", "arguments": ""})
            part["name"] += delta.function.name or ""
            part["arguments"] += delta.function.arguments or ""
    assert plain and joined
    assert plain[0].function.name == joined[0]["name"] == "get_weather"
    assert json.loads(plain[0].function.arguments)["city"] in ("Paris", "Rome")
    assert json.loads(joined[0]["arguments"])["city"] in ("Paris", "Rome")


def test_a_real_response_plain_and_streamed(client):
    plain = client.responses.create(model="smollm2", input="Name three rivers.", max_output_tokens=24)
    assert plain.output_text
    events = list(
        client.responses.create(model="smollm2", input="Name three rivers.", max_output_tokens=24, stream=True)
    )
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert events[-1].response.usage.output_tokens > 0


def test_real_embeddings(client):
    answer = client.embeddings.create(model="smollm2", input=["the Rhine", "a database index"])
    assert [len(item.embedding) for item in answer.data] == [576, 576]
    assert answer.data[0].embedding != answer.data[1].embedding


def test_a_real_legacy_completion(client):
    stream = client.completions.create(model="smollm2", prompt="The river Rhine", max_tokens=8, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices)


def test_a_real_message_plain_and_streamed(claude):
    call = {
        "model": "smollm2-claude", "max_tokens": 24, "messages": QUESTION, "extra_body": {"temperature": 0},
    }
    plain = claude.messages.create(**call)
    assert plain.content[0].text and plain.usage.output_tokens > 0
    events = list(claude.messages.create(**call, stream=True))
    assert events[-1].type == "message_stop"
    assert any(event.type == "content_block_delta" for event in events)


def test_real_tokens_are_counted(claude):
    assert claude.messages.count_tokens(model="smollm2-claude", messages=QUESTION).input_tokens > 3


def test_leaving_a_real_stream_is_recorded_and_frees_the_model(client, model_gateway):
    stream = client.chat.completions.create(**{**CALL, "max_tokens": 500}, stream=True)
    trace_id = stream.response.headers["x-weir-trace"]
    for _ in range(3):
        next(stream)
    stream.close()
    assert model_gateway.trace(trace_id)["cancelled_in"]
    assert client.chat.completions.create(**CALL).choices[0].message.content


def test_real_streams_side_by_side(model_gateway):
    async def run():
        async with model_gateway.async_openai(KEY) as client:

            async def one():
                stream = await client.chat.completions.create(**CALL, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*[one() for _ in range(6)])

    assert all(asyncio.run(run()))


def test_the_models_spend_is_unpriced_and_not_nothing(client, model_gateway):
    client.chat.completions.create(**CALL)

    row = wait_until("the spend is there", lambda: model_gateway.spend_by_model().get("smollm2"))
    assert row["unpriced"] > 0
    assert row.get("cost_nanousd") is None
