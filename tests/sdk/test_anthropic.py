"""Anthropic's routes through its SDK: messages plain, streamed, with tools and thinking, count_tokens, models."""

import json

import anthropic
import pydantic
import pytest

from conftest import KEY, MODELS_OF_KEY, NARROW_KEY
from harness import dials

QUESTION = [{"role": "user", "content": "Name three rivers."}]
CALL = {"model": "claude", "max_tokens": 300, "messages": QUESTION}
WEATHER_TOOL = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4000}


def text_of(message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


# ---- plain -----------------------------------------------------------------------------------------------------------


def test_a_message_is_answered_whole(claude):
    answer = claude.messages.create(**CALL)
    assert answer.type == "message"
    assert answer.role == "assistant"
    assert text_of(answer)
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0


def test_the_text_comes_through_unchanged(claude):
    text = 'Grüße aus Köln: 你好, 🌊 "quoted" \\ back\tslash'
    call = {**CALL, "messages": [{"role": "user", "content": text}], "extra_headers": dials(echo="true")}
    assert text_of(claude.messages.create(**call)) == text
    with claude.messages.stream(**call) as stream:
        assert "".join(stream.text_stream) == text


def test_max_tokens_ends_the_answer(claude):
    answer = claude.messages.create(**{**CALL, "max_tokens": 5}, extra_headers=dials(length="constant:50"))
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 5


def test_answers_name_their_request_and_their_trace(claude, gateway):
    raw = claude.messages.with_raw_response.create(**CALL)
    assert raw.headers["request-id"]
    assert raw.parse()._request_id == raw.headers["request-id"]
    trace = gateway.trace(raw.headers["x-weir-trace"])
    assert trace["dialect"] == "anthropic"
    assert trace["model_asked"] == "claude"


def test_the_key_may_come_as_a_bearer_token(gateway):
    with gateway.anthropic(None, auth_token=KEY) as client:
        assert text_of(client.messages.create(**CALL))


def test_a_beta_header_and_unknown_fields_do_no_harm(claude, gateway):
    raw = claude.messages.with_raw_response.create(
        **CALL, extra_headers={"anthropic-beta": "some-beta-2026-01-01"}, extra_body={"x_unknown": [1, {"a": None}]}
    )
    assert gateway.trace(raw.headers["x-weir-trace"])["request_body"]["x_unknown"] == [1, {"a": None}]


# ---- streamed --------------------------------------------------------------------------------------------------------


def test_a_stream_has_its_events_in_order(claude):
    events = list(claude.messages.create(**CALL, stream=True))
    types = [event.type for event in events]
    assert types[0] == "message_start"
    assert types[1] == "content_block_start"
    assert types[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(types[2:-3]) == {"content_block_delta"}
    assert events[0].message.usage.input_tokens > 0
    assert events[-2].delta.stop_reason == "end_turn"
    assert events[-2].usage.output_tokens > 0


def test_the_stream_helper_rebuilds_the_message(claude):
    with claude.messages.stream(**CALL) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text_of(final) == text != ""
    plain = claude.messages.create(**CALL)
    assert text_of(plain) == text
    assert plain.usage.output_tokens == final.usage.output_tokens


# ---- tools -----------------------------------------------------------------------------------------------------------


def tool_uses(message) -> list:
    return [block for block in message.content if block.type == "tool_use"]


@pytest.mark.parametrize(("kind", "least"), [("single", 1), ("parallel", 2)])
def test_tool_uses_arrive_whole_and_streamed_alike(claude, kind, least):
    call = {**CALL, "tools": [WEATHER_TOOL], "extra_headers": dials(tool_calls=kind)}
    plain = claude.messages.create(**call)
    assert plain.stop_reason == "tool_use"
    uses = tool_uses(plain)
    assert len(uses) == 1 if kind == "single" else len(uses) >= least
    assert all(use.name == "get_weather" and "city" in use.input for use in uses)
    with claude.messages.stream(**call) as stream:
        final = stream.get_final_message()
    assert [(use.name, use.input) for use in tool_uses(final)] == [(use.name, use.input) for use in uses]


def test_streamed_tool_input_comes_as_json_fragments(claude):
    fragments = {}
    for event in claude.messages.create(
        **CALL, tools=[WEATHER_TOOL], stream=True, extra_headers=dials(tool_calls="parallel")
    ):
        if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
            fragments[event.index] = fragments.get(event.index, "") + event.delta.partial_json
    assert len(fragments) >= 2
    assert all("city" in json.loads(text) for text in fragments.values())


def test_tool_results_go_back_and_are_answered(claude, gateway):
    first = claude.messages.create(**CALL, tools=[WEATHER_TOOL], extra_headers=dials(tool_calls="parallel"))
    results = [
        {"type": "tool_result", "tool_use_id": use.id, "content": "clear, 21.50 C"} for use in tool_uses(first)
    ]
    messages = [
        *QUESTION,
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
        {"role": "user", "content": results},
    ]
    raw = claude.messages.with_raw_response.create(
        **{**CALL, "messages": messages}, tools=[WEATHER_TOOL], extra_headers=dials(tool_calls="none")
    )
    assert raw.parse().stop_reason == "end_turn"
    assert gateway.trace(raw.headers["x-weir-trace"])["request_body"]["messages"] == messages


# ---- thinking --------------------------------------------------------------------------------------------------------


def test_thinking_comes_before_the_answer_with_its_signature(claude):
    plain = claude.messages.create(**{**CALL, **THINKING})
    assert [block.type for block in plain.content] == ["thinking", "text"]
    assert plain.content[0].thinking and plain.content[0].signature
    with claude.messages.stream(**{**CALL, **THINKING}) as stream:
        final = stream.get_final_message()
    assert final.content[0].thinking == plain.content[0].thinking
    assert final.content[0].signature == plain.content[0].signature


def test_thinking_is_replayed_byte_for_byte(claude, gateway):
    first = claude.messages.create(
        **{**CALL, **THINKING}, tools=[WEATHER_TOOL], extra_headers=dials(tool_calls="single", thinking="on")
    )
    assert first.content[0].type == "thinking"
    messages = [
        *QUESTION,
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": tool_uses(first)[0].id, "content": "clear"}],
        },
    ]
    raw = claude.messages.with_raw_response.create(
        **{**CALL, **THINKING, "messages": messages}, tools=[WEATHER_TOOL], extra_headers=dials(tool_calls="none")
    )
    assert gateway.trace(raw.headers["x-weir-trace"])["request_body"]["messages"] == messages


# ---- structured output, counts, models -------------------------------------------------------------------------------


def test_a_message_is_parsed_into_the_callers_type(claude):
    class Person(pydantic.BaseModel):
        name: str
        age: int

    answer = claude.messages.parse(**CALL, output_format=Person)
    assert isinstance(answer.parsed_output, Person)


def test_tokens_are_counted_without_an_answer(claude):
    short = claude.messages.count_tokens(model="claude", messages=QUESTION)
    long = claude.messages.count_tokens(
        model="claude", messages=[{"role": "user", "content": "river " * 1000}], tools=[WEATHER_TOOL]
    )
    assert 0 < short.input_tokens < long.input_tokens


def test_the_model_list_is_in_the_callers_dialect_and_what_the_key_may_use(claude, gateway):
    page = claude.models.list()
    assert sorted(model.id for model in page) == sorted(MODELS_OF_KEY)
    assert all(model.type == "model" and model.display_name and model.created_at for model in page.data)
    assert page.has_more is False
    assert (page.first_id, page.last_id) == (page.data[0].id, page.data[-1].id)
    with gateway.anthropic(NARROW_KEY) as narrow:
        assert [model.id for model in narrow.models.list()] == ["fast"]


def test_one_model_is_retrieved_in_the_callers_dialect(claude):
    model = claude.models.retrieve("claude")
    assert (model.id, model.type) == ("claude", "model")
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("not-yours")
