"""The other OpenAI routes through the SDK: responses, embeddings, legacy completions, models."""

import json

import openai
import pydantic
import pytest

from conftest import KEY, MODELS_OF_KEY, NARROW_KEY
from harness import dials

QUESTION = "Name three rivers."
WEATHER_TOOL = {
    "type": "function",
    "name": "get_weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Person(pydantic.BaseModel):
    name: str
    age: int


# ---- responses -------------------------------------------------------------------------------------------------------


def test_a_response_is_answered_whole(client):
    answer = client.responses.create(model="fast", input=QUESTION)
    assert answer.object == "response"
    assert answer.status == "completed"
    assert answer.output_text
    assert answer.usage.output_tokens > 0
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_a_streamed_response_has_its_events_in_order(client):
    events = list(client.responses.create(model="fast", input=QUESTION, stream=True))
    types = [event.type for event in events]
    assert types[0] == "response.created"
    assert types[-1] == "response.completed"
    assert types.index("response.output_item.added") < types.index("response.output_text.delta")
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == events[-1].response.output_text != ""
    assert events[-1].response.usage.output_tokens > 0


def test_the_response_stream_helper_rebuilds_the_response(client):
    with client.responses.stream(model="fast", input=QUESTION) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert stream.get_final_response().output_text == text


@pytest.mark.parametrize(("kind", "least"), [("single", 1), ("parallel", 2)])
def test_function_calls_of_a_response(client, kind, least):
    headers = dials(tool_calls=kind)
    answer = client.responses.create(model="fast", input=QUESTION, tools=[WEATHER_TOOL], extra_headers=headers)
    calls = [item for item in answer.output if item.type == "function_call"]
    assert len(calls) >= least
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": '{"sky": "clear"}'} for call in calls
    ]
    assert all("city" in json.loads(call.arguments) for call in calls)
    history = [{"role": "user", "content": QUESTION}]
    history += [call.model_dump(exclude_none=True) for call in calls] + results
    second = client.responses.create(
        model="fast", input=history, tools=[WEATHER_TOOL], extra_headers=dials(tool_calls="none")
    )
    assert second.output_text


def test_streamed_function_call_deltas_join_to_the_arguments(client):
    deltas, whole = {}, {}
    for event in client.responses.create(
        model="fast", input=QUESTION, tools=[WEATHER_TOOL], stream=True, extra_headers=dials(tool_calls="parallel")
    ):
        if event.type == "response.function_call_arguments.delta":
            deltas[event.output_index] = deltas.get(event.output_index, "") + event.delta
        elif event.type == "response.function_call_arguments.done":
            whole[event.output_index] = event.arguments
    assert len(deltas) >= 2
    assert deltas == whole


def test_a_response_is_parsed_into_the_callers_type(client):
    answer = client.responses.parse(model="fast", input=QUESTION, text_format=Person)
    assert isinstance(answer.output_parsed, Person)


# ---- embeddings ------------------------------------------------------------------------------------------------------


def test_embeddings_come_one_for_each_input(client):
    answer = client.embeddings.create(model="fast", input=["the Rhine", "the Elbe"])
    assert [item.index for item in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) == len(answer.data[1].embedding) > 1
    assert answer.data[0].embedding != answer.data[1].embedding
    assert answer.usage.prompt_tokens > 0


def test_embeddings_as_floats_equal_those_as_base64(client):
    # The SDK asks for base64 by itself and decodes it.
    packed = client.embeddings.create(model="fast", input="the Rhine").data[0].embedding
    floats = client.embeddings.create(model="fast", input="the Rhine", encoding_format="float").data[0].embedding
    assert packed == pytest.approx(floats, abs=1e-7)


# ---- legacy completions ----------------------------------------------------------------------------------------------


def test_a_legacy_completion_plain_and_streamed(client):
    plain = client.completions.create(model="fast", prompt="Three rivers:")
    assert plain.object == "text_completion"
    assert plain.choices[0].text
    assert plain.usage.completion_tokens > 0
    chunks = list(client.completions.create(model="fast", prompt="Three rivers:", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == plain.choices[0].text
    assert chunks[-1].choices[0].finish_reason == plain.choices[0].finish_reason


def test_a_legacy_stream_ends_with_usage_when_asked(client):
    chunks = list(
        client.completions.create(
            model="fast", prompt="Three rivers:", stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0


# ---- models ----------------------------------------------------------------------------------------------------------


def test_the_model_list_is_what_the_key_may_use(client, gateway):
    assert sorted(model.id for model in client.models.list()) == sorted(MODELS_OF_KEY)
    with gateway.openai(NARROW_KEY) as narrow:
        models = list(narrow.models.list())
    assert [(model.id, model.object) for model in models] == [("fast", "model")]


@pytest.mark.parametrize("name", ["fast", "vendor/sim-small"])
def test_one_model_is_retrieved_by_id(client, name):
    assert client.models.retrieve(name).id == name


@pytest.mark.parametrize("name", ["nothing-like-it", "not-yours"])
def test_a_model_that_is_not_there_or_not_the_keys_is_not_found(client, name):
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(name)


def test_the_sdk_may_send_its_organisation_and_project(gateway):
    with gateway.openai(KEY, organization="org-1", project="proj-1") as client:
        assert client.responses.create(model="fast", input=QUESTION).output_text
