"""Chat completions through the OpenAI SDK: plain, streamed, tools, structured output, headers."""

import json

import httpx
import openai
import pytest

from conftest import KEY
from harness import dials

QUESTION = [{"role": "user", "content": "Name three rivers."}]
WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
PERSON_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def content_of(chunks) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


# ---- plain -----------------------------------------------------------------------------------------------------------


def test_a_plain_call_is_answered_whole(client):
    answer = client.chat.completions.create(model="fast", messages=QUESTION)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_the_text_comes_through_unchanged(client):
    text = 'Grüße aus Köln: 你好, 🌊 "quoted" \\ back\tslash'
    messages = [{"role": "user", "content": text}]
    plain = client.chat.completions.create(model="fast", messages=messages, extra_headers=dials(echo="true"))
    assert plain.choices[0].message.content == text
    stream = client.chat.completions.create(
        model="fast", messages=messages, stream=True, extra_headers=dials(echo="true")
    )
    assert content_of(stream) == text


def test_max_tokens_ends_the_answer(client):
    answer = client.chat.completions.create(
        model="fast", messages=QUESTION, max_completion_tokens=5, extra_headers=dials(length="constant:50")
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5


def test_fields_weir_does_not_know_reach_the_provider(client, gateway):
    raw = client.chat.completions.with_raw_response.create(
        model="fast", messages=QUESTION, extra_body={"x_unknown": {"b": [1, 2.50, None], "a": "é"}}
    )
    assert raw.parse().choices[0].message.content
    body = gateway.trace(raw.headers["x-weir-trace"])["request_body"]
    assert body["x_unknown"] == {"b": [1, 2.5, None], "a": "é"}


def test_a_long_prompt_is_taken(client):
    answer = client.chat.completions.create(
        model="fast", messages=[{"role": "user", "content": "river " * 200_000}]
    )
    assert answer.usage.prompt_tokens > 100_000


def test_a_model_id_with_a_slash_is_an_alias_like_any_other(client):
    answer = client.chat.completions.create(model="vendor/sim-small", messages=QUESTION)
    assert answer.choices[0].message.content


def test_the_second_target_answers_when_the_first_is_dead(client, gateway):
    raw = client.chat.completions.with_raw_response.create(model="backup", messages=QUESTION)
    assert raw.parse().choices[0].message.content
    trace = gateway.trace(raw.headers["x-weir-trace"])
    assert trace["provider"] == "sim"
    assert trace["attempts"] >= 2


# ---- streamed --------------------------------------------------------------------------------------------------------


def test_a_stream_has_a_role_first_and_a_finish_reason_last(client):
    chunks = list(client.chat.completions.create(model="fast", messages=QUESTION, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert content_of(chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_shows_no_usage_when_none_was_asked_for(client):
    for chunk in client.chat.completions.create(model="fast", messages=QUESTION, stream=True):
        assert chunk.choices
        assert "usage" not in chunk.model_fields_set


def test_a_stream_ends_with_one_usage_chunk_when_asked(client):
    stream = client.chat.completions.create(
        model="fast", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert [chunk for chunk in chunks if not chunk.choices] == [chunks[-1]]
    assert chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


@pytest.mark.parametrize("usage", ["present", "absent", "nonempty", "every"])
@pytest.mark.parametrize("asked", [False, True])
def test_text_survives_every_way_a_provider_reports_usage(client, usage, asked):
    options = {"stream_options": {"include_usage": True}} if asked else {}
    headers = dials(usage=usage, text="The Rhine, the Elbe and the Oder.")
    stream = client.chat.completions.create(
        model="fast", messages=QUESTION, stream=True, extra_headers=headers, **options
    )
    assert content_of(stream) == "The Rhine, the Elbe and the Oder."


def test_the_stream_helper_rebuilds_the_message(client):
    with client.chat.completions.stream(model="fast", messages=QUESTION) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "".join(deltas) != ""
    assert final.choices[0].finish_reason == "stop"


def test_a_raw_streamed_response_has_the_headers_of_a_stream(client):
    with client.chat.completions.with_streaming_response.create(
        model="fast", messages=QUESTION, stream=True
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "content-length" not in response.headers
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"


# ---- tools -----------------------------------------------------------------------------------------------------------


def ask_with_tools(client, kind: str, **options):
    return client.chat.completions.create(
        model="fast", messages=QUESTION, tools=[WEATHER_TOOL], extra_headers=dials(tool_calls=kind), **options
    )


@pytest.mark.parametrize(("kind", "least"), [("single", 1), ("parallel", 2)])
def test_tool_calls_arrive_whole(client, kind, least):
    choice = ask_with_tools(client, kind).choices[0]
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls
    assert len(calls) == 1 if kind == "single" else len(calls) >= least
    assert len({call.id for call in calls}) == len(calls)
    for call in calls:
        assert call.function.name == "get_weather"
        assert "city" in json.loads(call.function.arguments)


@pytest.mark.parametrize("kind", ["single", "parallel"])
def test_streamed_tool_deltas_are_keyed_by_index_and_join_to_the_plain_answer(client, kind):
    joined = {}
    for chunk in ask_with_tools(client, kind, stream=True):
        for delta in chunk.choices[0].delta.tool_calls or []:
            call = joined.setdefault(delta.index, {"id": delta.id, "name": delta.function.name, "arguments": ""})
            if delta.id is not None:
                assert call["id"] == delta.id, "an id comes once, in the first fragment"
            call["arguments"] += delta.function.arguments or ""
        last = chunk
    assert last.choices[0].finish_reason == "tool_calls"
    assert sorted(joined) == list(range(len(joined)))
    plain = ask_with_tools(client, kind).choices[0].message.tool_calls
    assert [call["name"] for call in joined.values()] == [call.function.name for call in plain]
    for call in joined.values():
        assert "city" in json.loads(call["arguments"])


def test_the_stream_helper_rebuilds_parallel_tool_calls(client):
    strict = {**WEATHER_TOOL, "function": {**WEATHER_TOOL["function"], "strict": True}}
    with client.chat.completions.stream(
        model="fast", messages=QUESTION, tools=[strict], extra_headers=dials(tool_calls="parallel")
    ) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert len(calls) >= 2
    assert all("city" in json.loads(call.function.arguments) for call in calls)


def test_tool_results_go_back_and_are_answered(client, gateway):
    first = ask_with_tools(client, "parallel").choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": json.dumps({"sky": "clear", "celsius": 21.50})}
        for call in first.tool_calls
    ]
    messages = [*QUESTION, first.model_dump(exclude_none=True), *results]
    raw = client.chat.completions.with_raw_response.create(
        model="fast", messages=messages, tools=[WEATHER_TOOL], extra_headers=dials(tool_calls="none")
    )
    assert raw.parse().choices[0].finish_reason == "stop"
    sent = gateway.trace(raw.headers["x-weir-trace"])["request_body"]["messages"]
    assert sent == messages


# ---- structured output -----------------------------------------------------------------------------------------------


def test_json_mode_gives_json(client):
    answer = client.chat.completions.create(
        model="fast", messages=QUESTION, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_json_that_the_provider_broke_is_passed_on_as_it_is(client):
    answer = client.chat.completions.create(
        model="fast", messages=QUESTION, response_format={"type": "json_object"},
        extra_headers=dials(json_malformed=1),
    )
    with pytest.raises(ValueError):
        json.loads(answer.choices[0].message.content)


def test_a_schema_is_parsed_into_the_callers_type(client):
    import pydantic

    class Person(pydantic.BaseModel):
        name: str
        age: int

    answer = client.chat.completions.parse(model="fast", messages=QUESTION, response_format=Person)
    person = answer.choices[0].message.parsed
    assert isinstance(person.name, str) and isinstance(person.age, int)


def test_a_schema_holds_in_a_stream_too(client):
    stream = client.chat.completions.create(
        model="fast", messages=QUESTION, stream=True,
        response_format={
            "type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": PERSON_SCHEMA}
        },
    )
    person = json.loads(content_of(stream))
    assert set(person) == {"name", "age"}


# ---- headers and bytes -----------------------------------------------------------------------------------------------


def test_answers_name_their_request_and_their_trace(client, gateway):
    seen = set()
    for _ in range(2):
        raw = client.chat.completions.with_raw_response.create(model="fast", messages=QUESTION)
        assert raw.headers["x-request-id"]
        assert raw.parse()._request_id == raw.headers["x-request-id"]
        trace = gateway.trace(raw.headers["x-weir-trace"])
        assert trace["id"] == raw.headers["x-weir-trace"]
        seen.add(trace["id"])
    assert len(seen) == 2


def test_a_stream_names_its_trace_too(client, gateway):
    stream = client.chat.completions.create(model="fast", messages=QUESTION, stream=True)
    trace_id = stream.response.headers["x-weir-trace"]
    assert content_of(stream)
    assert gateway.trace(trace_id)["stream"] in (True, 1)


def test_the_key_may_come_in_either_header(gateway):
    for headers in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}):
        answer = httpx.post(
            gateway.openai_url + "/chat/completions", headers=headers, trust_env=False,
            json={"model": "fast", "messages": QUESTION},
        )
        assert answer.status_code == 200, answer.text


BODIES = {
    "chat": ("/v1/chat/completions", {"model": "sim-small", "messages": QUESTION}),
    "chat-tools": ("/v1/chat/completions", {"model": "sim-small", "messages": QUESTION, "tools": [WEATHER_TOOL]}),
    "chat-usage": (
        "/v1/chat/completions",
        {"model": "sim-small", "messages": QUESTION, "stream": True, "stream_options": {"include_usage": True}},
    ),
    "completions": ("/v1/completions", {"model": "sim-small", "prompt": "Three rivers:"}),
    "responses": ("/v1/responses", {"model": "sim-small", "input": "Name three rivers."}),
    "messages": ("/v1/messages", {"model": "sim-claude", "max_tokens": 300, "messages": QUESTION}),
    "messages-thinking": (
        "/v1/messages",
        {
            "model": "sim-claude", "max_tokens": 4000, "messages": QUESTION,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
    ),
}


@pytest.mark.parametrize("stream", [{}, {"stream": True}], ids=["plain", "stream"])
@pytest.mark.parametrize("name", BODIES)
def test_what_the_client_gets_equals_what_the_provider_sends(gateway, sim, name, stream):
    """The body with the provider's own model name, once past weir and once through it."""
    path, body = BODIES[name]
    body = {**body, **stream}
    if path == "/v1/messages":
        headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    else:
        headers = {"authorization": f"Bearer {KEY}"}
    through = httpx.post(gateway.url + path, json=body, headers=headers, trust_env=False, timeout=60)
    direct = httpx.post(sim.url + path, json=body, headers=headers, trust_env=False, timeout=60)
    assert through.status_code == direct.status_code == 200, through.text
    assert through.content == direct.content


def test_typed_errors_are_of_the_sdks_own_kinds(client):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="fsat", messages=QUESTION)
