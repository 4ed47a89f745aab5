"""Every client against every provider, through the official SDKs: what the other side speaks must not show."""

import base64
import json
import threading
import http.server

import anthropic
import openai
import pydantic
import pytest

import harness
from harness import dials

QUESTION = "Name three rivers."
PROVIDERS = ["chat", "messages", "gemini"]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()
PARAMETERS = {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False,
}


class Person(pydantic.BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module")
def translator(weir_program, sim, tmp_path_factory):
    """Three models on the simulator, one for each API that a provider may speak."""
    config = {
        "providers": {
            "chat": {"dialect": "openai", "base_url": sim.url + "/v1", "responses": "translate"},
            "messages": {"dialect": "anthropic", "base_url": sim.url},
            "gemini": {"dialect": "gemini", "base_url": sim.url},
        },
        "models": {name: {"targets": [{"provider": name, "model": "sim-" + name}]} for name in PROVIDERS},
        "capture": "full",
    }
    server = harness.Gateway(tmp_path_factory.mktemp("translate"), config)
    yield server
    server.stop()


class Chat:
    """Chat completions, by OpenAI's SDK. All clients answer alike: text, calls, finish, usage, last request."""

    name = "chat"
    stop, length, calls = "stop", "length", "tool_calls"

    def __init__(self, gateway):
        self.client = gateway.openai("none")

    def tools(self):
        return [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}]

    def ask(self, model, text=QUESTION, stream=False, headers=None, tools=None, max_tokens=200, **more):
        more |= {"tools": tools} if tools else {}
        call = {"model": model, "messages": [{"role": "user", "content": text}], "max_completion_tokens": max_tokens,
                "extra_headers": headers, **more}
        if not stream:
            return self.read(self.client.chat.completions.create(**call))
        with self.client.chat.completions.stream(**call, stream_options={"include_usage": True}) as events:
            try:
                return self.read(events.get_final_completion())
            except openai.LengthFinishReasonError as cut:  # how the helper tells it
                return self.read(cut.completion)

    def read(self, answer):
        [choice] = answer.choices
        calls = [(c.id, c.function.name, json.loads(c.function.arguments)) for c in choice.message.tool_calls or []]
        usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return {"text": choice.message.content or "", "calls": calls, "finish": choice.finish_reason, "usage": usage,
                "message": choice.message}

    def history(self, first, results):
        calls = [{"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
                 for i, n, a in first["calls"]]
        return {"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "tool_calls": calls}]
                + [{"role": "tool", "tool_call_id": i, "content": text} for i, text in results]}

    def image(self, model):
        url = "data:image/png;base64," + PNG
        content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
        return self.ask(model, text=content)


class Messages:
    """Messages, by Anthropic's SDK."""

    name = "messages"
    stop, length, calls = "end_turn", "max_tokens", "tool_use"

    def __init__(self, gateway):
        self.client = gateway.anthropic("none")

    def tools(self):
        return [{"name": "get_weather", "input_schema": PARAMETERS}]

    def ask(self, model, text=QUESTION, stream=False, headers=None, tools=None, max_tokens=200, **more):
        more |= {"tools": tools} if tools else {}
        call = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": max_tokens,
                "extra_headers": headers, **more}
        if not stream:
            return self.read(self.client.messages.create(**call))
        with self.client.messages.stream(**call) as events:
            return self.read(events.get_final_message())

    def read(self, answer):
        calls = [(b.id, b.name, b.input) for b in answer.content if b.type == "tool_use"]
        text = "".join(b.text for b in answer.content if b.type == "text")
        usage = (answer.usage.input_tokens, answer.usage.output_tokens)
        return {"text": text, "calls": calls, "finish": answer.stop_reason, "usage": usage, "message": answer}

    def history(self, first, results):
        uses = [{"type": "tool_use", "id": i, "name": n, "input": a} for i, n, a in first["calls"]]
        told = [{"type": "tool_result", "tool_use_id": i, "content": text} for i, text in results]
        return {"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": uses},
                             {"role": "user", "content": told}]}

    def image(self, model):
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        return self.ask(model, text=[{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}])


class Responses:
    """The Responses API, by OpenAI's SDK."""

    name = "responses"
    stop, length, calls = "completed", "incomplete", "completed"

    def __init__(self, gateway):
        self.client = gateway.openai("none")

    def tools(self):
        return [{"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": True}]

    def ask(self, model, text=QUESTION, stream=False, headers=None, tools=None, max_tokens=200, **more):
        more |= {"tools": tools} if tools else {}
        call = {"model": model, "input": text, "max_output_tokens": max_tokens, "extra_headers": headers, **more}
        if not stream:
            return self.read(self.client.responses.create(**call))
        with self.client.responses.stream(**call) as events:
            last = None
            numbers = []
            for event in events:
                numbers.append(event.sequence_number)
                last = event
            assert numbers == sorted(set(numbers))
            return self.read(last.response)

    def read(self, answer):
        calls = [(i.call_id, i.name, json.loads(i.arguments)) for i in answer.output if i.type == "function_call"]
        usage = (answer.usage.input_tokens, answer.usage.output_tokens)
        return {"text": answer.output_text, "calls": calls, "finish": answer.status, "usage": usage, "message": answer}

    def history(self, first, results):
        calls = [{"type": "function_call", "call_id": i, "name": n, "arguments": json.dumps(a)}
                 for i, n, a in first["calls"]]
        told = [{"type": "function_call_output", "call_id": i, "output": text} for i, text in results]
        return {"text": [{"role": "user", "content": QUESTION}] + calls + told}

    def image(self, model):
        url = "data:image/png;base64," + PNG
        content = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": url}]
        return self.ask(model, text=[{"role": "user", "content": content}])


CLIENTS = {c.name: c for c in (Chat, Messages, Responses)}
PAIRS = [(c, p) for c in CLIENTS for p in PROVIDERS]


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}-to-{pair[1]}")
def pair(request, translator):
    client, model = request.param
    return CLIENTS[client](translator), model


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_text_comes_through_unchanged(pair, stream):
    client, model = pair
    text = 'Grüße aus Köln: 你好, 🌊 "quoted" \\ back\tslash'
    answer = client.ask(model, text=text, stream=stream, headers=dials(echo="true"))
    assert answer["text"] == text
    assert answer["finish"] == client.stop
    assert answer["usage"][0] > 0 and answer["usage"][1] > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_maximum_ends_the_answer(pair, stream):
    client, model = pair
    answer = client.ask(model, stream=stream, max_tokens=16, headers=dials(length="constant:50"))
    assert answer["finish"] == client.length
    assert answer["usage"][1] == 16


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("kind", "least"), [("single", 1), ("parallel", 2)])
def test_tools_are_called_and_their_results_given_back(pair, kind, least, stream):
    client, model = pair
    first = client.ask(model, stream=stream, tools=client.tools(), headers=dials(tool_calls=kind))
    assert len(first["calls"]) >= least
    assert first["finish"] == client.calls
    assert len({i for i, _, _ in first["calls"]}) == len(first["calls"])
    assert all(name == "get_weather" and "city" in arguments for _, name, arguments in first["calls"])
    results = [(i, '{"sky": "clear"}') for i, _, _ in first["calls"]]
    second = client.ask(model, stream=stream, tools=client.tools(), headers=dials(tool_calls="none"),
                        **client.history(first, results))
    assert second["text"]
    assert second["finish"] == client.stop


def test_an_image_arrives(pair, sim):
    client, model = pair
    assert client.image(model)["text"]
    seen = json.dumps(harness.httpx.get(sim.url + "/sim/last", trust_env=False).json())
    assert PNG in seen


@pytest.mark.parametrize("model", PROVIDERS)
def test_a_json_schema_holds(translator, model):
    client = translator.openai("none")
    answer = client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": "Who?"}], response_format=Person)
    assert isinstance(answer.choices[0].message.parsed, Person)
    answer = client.responses.parse(model=model, input="Who?", text_format=Person)
    assert isinstance(answer.output_parsed, Person)


@pytest.mark.parametrize(
    ("status", "openai_error", "anthropic_error"),
    [
        (400, openai.BadRequestError, anthropic.BadRequestError),
        (429, openai.RateLimitError, anthropic.RateLimitError),
        (500, openai.InternalServerError, anthropic.InternalServerError),
        (503, openai.InternalServerError, anthropic.InternalServerError),
    ],
)
def test_refusals_are_told_in_the_client_s_words(pair, status, openai_error, anthropic_error):
    client, model = pair
    expected = anthropic_error if client.name == "messages" else openai_error
    with pytest.raises(expected) as caught:
        client.ask(model, headers=dials(error=status))
    body = caught.value.body
    if client.name == "messages":
        assert body["type"] == "error" and body["error"]["message"]
    else:
        assert body["message"] and "type" in body


def test_a_stream_that_breaks_off_raises_in_the_client(pair):
    client, model = pair
    error = anthropic.APIError if client.name == "messages" else openai.APIError
    with pytest.raises((error, harness.httpx.RemoteProtocolError, RuntimeError)):
        client.ask(model, stream=True, headers=dials(length="constant:40", error="cut"))


def test_what_a_stream_used_is_recorded(translator):
    client = translator.openai("none")
    raw = client.chat.completions.with_raw_response.create(
        model="messages", messages=[{"role": "user", "content": "hi"}], stream=True, extra_headers=dials(length="constant:7"))
    chunks = list(raw.parse())
    assert all(chunk.usage is None for chunk in chunks)  # it was not asked for
    trace = translator.trace(raw.headers["x-weir-trace"])
    assert trace["output_tokens"] == 7
    assert trace["usage_source"] == "provider"
    assert trace["attempts_json"][0]["translated"] == "messages"


def test_a_client_that_leaves_ends_the_provider_s_answer(translator):
    client = translator.openai("none")
    raw = client.chat.completions.with_raw_response.create(
        model="messages", messages=[{"role": "user", "content": "hi"}], stream=True,
        extra_headers=dials(length="constant:500", itl="constant:50"))
    stream = raw.parse()
    next(iter(stream))
    stream.close()
    trace = translator.trace(raw.headers["x-weir-trace"])
    assert trace["cancelled_in"] == "stream"
    assert 0 < trace["output_tokens"] < 500


def test_thinking_comes_back_and_is_given_back(translator):
    client = translator.anthropic("none")
    call = {"model": "messages", "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024},
            "messages": [{"role": "user", "content": QUESTION}]}
    native = client.messages.create(**call)
    assert [block.type for block in native.content][0] == "thinking"
    chat = translator.openai("none").chat.completions.create(
        model="messages", messages=[{"role": "user", "content": QUESTION}], reasoning_effort="high")
    assert chat.choices[0].message.content
    assert getattr(chat.choices[0].message, "reasoning_content", None)


# ---- responses that live on at a provider -----------------------------------------------------------------------------


class Keeper(http.server.BaseHTTPRequestHandler):
    """A provider that keeps responses: whatever is asked of one is noted."""

    protocol_version = "HTTP/1.1"

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def note(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.seen.append((self.command, self.path, self.headers.get("authorization")))

    def do_POST(self):
        self.note()
        if not self.server.alive:
            self.reply(503, {"error": {"message": "down"}})
        elif self.path.endswith("/cancel"):
            self.reply(200, {"id": self.path.split("/")[-2], "object": "response", "status": "cancelled", "output": []})
        else:
            self.reply(200, {"id": f"resp_{self.server.name}_{len(self.server.seen)}", "object": "response",
                             "status": "completed", "model": "m", "output": []})

    def do_GET(self):
        self.note()
        self.reply(200, {"id": self.path.split("/")[-1], "object": "response", "status": "completed", "output": []})

    do_DELETE = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture
def keepers():
    servers = []
    for name in ("one", "two"):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", harness.free_port()), Keeper)
        server.name, server.seen, server.alive = name, [], True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_response_is_asked_for_where_it_was_made(weir_program, keepers, tmp_path):
    one, two = keepers
    keys = {name: harness.client_key(name) for name in ("acme", "other")}
    config = {
        "providers": {
            s.name: {"dialect": "openai", "base_url": f"http://127.0.0.1:{s.server_port}/v1",
                     "api_keys": [f"sk-{s.name}-a", f"sk-{s.name}-b"]}
            for s in keepers
        },
        "models": {"m": {"targets": [{"provider": s.name, "model": "m"} for s in keepers]}},
        "tenants": {name: {"keys": [{"alias": name, "sha256": harness.digest(key)}]} for name, key in keys.items()},
    }
    server = harness.Gateway(tmp_path, config)
    try:
        client = server.openai(keys["acme"])
        one.alive = False
        made = client.responses.create(model="m", input="hi")
        one.alive = True
        assert made.id.startswith("resp_two")
        key = two.seen[-1][2]
        assert client.responses.retrieve(made.id).id == made.id
        assert two.seen[-1] == ("GET", f"/v1/responses/{made.id}", key)
        client.responses.cancel(made.id)
        assert two.seen[-1] == ("POST", f"/v1/responses/{made.id}/cancel", key)
        client.responses.create(model="m", input="more", previous_response_id=made.id)
        assert two.seen[-1] == ("POST", "/v1/responses", key)
        client.responses.delete(made.id)
        assert two.seen[-1][0] == "DELETE"
        with pytest.raises(openai.NotFoundError, match="not known to this gateway"):
            server.openai(keys["other"]).responses.retrieve(made.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve("resp_made_up")
        assert not any("made_up" in path for _, path, _ in one.seen + two.seen)
    finally:
        server.stop()
