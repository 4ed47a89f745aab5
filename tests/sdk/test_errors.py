"""Every class of error arrives as the SDKs' typed exception, in the shape of the route's dialect.

Two kinds are told apart: what weir itself refuses, and what the provider answers (simulated by the dial `error`).
"""

import time

import anthropic
import httpx
import openai
import pytest

import harness
from conftest import EXPIRED_KEY, KEY, NARROW_KEY, sim_config
from harness import dials

QUESTION = [{"role": "user", "content": "Name three rivers."}]


class Openai:
    """The OpenAI SDK, so that one test can be run with either."""

    module = openai
    model = "fast"

    def __init__(self, gateway):
        self.make = gateway.openai

    @staticmethod
    def call(client, model="fast", **options):
        return client.chat.completions.create(model=model, messages=QUESTION, **options)

    @staticmethod
    def check(error, status):
        assert error.status_code == status
        assert set(error.body) >= {"message", "type", "param", "code"}
        assert error.body["message"]
        assert error.response.headers["content-type"].startswith("application/json")


class Anthropic:
    """The Anthropic SDK."""

    module = anthropic
    model = "claude"

    def __init__(self, gateway):
        self.make = gateway.anthropic

    @staticmethod
    def call(client, model="claude", **options):
        return client.messages.create(model=model, max_tokens=100, messages=QUESTION, **options)

    @staticmethod
    def check(error, status):
        assert error.status_code == status
        assert error.body["type"] == "error"
        assert error.body["error"]["message"]
        assert error.body["error"]["type"].endswith("_error") or error.body["error"]["type"] == "request_too_large"
        assert error.request_id


@pytest.fixture(params=[Openai, Anthropic], ids=["openai", "anthropic"])
def sdk(request, gateway):
    return request.param(gateway)


# ---- what weir refuses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["sk-weir-no-such-key", EXPIRED_KEY, "x"], ids=["wrong", "expired", "short"])
def test_a_key_that_does_not_hold_is_an_authentication_error(sdk, key):
    with sdk.make(key) as client, pytest.raises(sdk.module.AuthenticationError) as caught:
        sdk.call(client)
    sdk.check(caught.value, 401)
    assert key not in str(caught.value) or key == "x", "a secret is never echoed"


def test_no_key_at_all_is_an_authentication_error(gateway):
    for path, shape in (("/v1/chat/completions", "error"), ("/v1/messages", "type")):
        answer = httpx.post(gateway.url + path, json={"model": "fast", "messages": QUESTION}, trust_env=False)
        assert answer.status_code == 401
        assert shape in answer.json()


def test_a_model_the_key_may_not_use_is_refused_without_revealing_it(sdk):
    with sdk.make(NARROW_KEY) as client, pytest.raises(sdk.module.APIStatusError) as caught:
        sdk.call(client, model=sdk.model if sdk.model != "fast" else "backup")
    assert isinstance(caught.value, (sdk.module.PermissionDeniedError, sdk.module.NotFoundError))
    sdk.check(caught.value, caught.value.status_code)


def test_an_unknown_model_is_not_found_and_the_nearest_name_is_offered(sdk):
    wrong, near = {"fast": ("fsat", "fast"), "claude": ("cluade", "claude")}[sdk.model]
    with sdk.make(KEY) as client, pytest.raises(sdk.module.NotFoundError) as caught:
        sdk.call(client, model=wrong)
    sdk.check(caught.value, 404)
    assert near in str(caught.value)


def test_openais_code_for_an_unknown_model_is_the_one_clients_branch_on(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="nothing-like-it", messages=QUESTION)
    assert caught.value.code == "model_not_found"


def test_the_nearest_names_never_include_models_of_others(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="not-your", messages=QUESTION)
    assert "not-yours" not in str(caught.value)


def test_an_unknown_path_is_not_found_in_the_shape_of_its_dialect(gateway):
    with gateway.openai(KEY) as client, pytest.raises(openai.NotFoundError) as caught:
        client.post("/no/such/route", body={}, cast_to=object)
    Openai.check(caught.value, 404)
    with gateway.anthropic(KEY) as client, pytest.raises(anthropic.NotFoundError) as caught:
        client.post("/v1/messages/no/such/route", body={}, cast_to=object)
    Anthropic.check(caught.value, 404)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"model": "fast"', b"[]", b'"text"', b'{"messages": []}', b'{"model": 7, "messages": []}',
     b'{"model": "fast", "messages": "\xff"}', b"[" * 100_000],
    ids=["empty", "open", "cut", "array", "string", "no-model", "model-number", "not-utf8", "deep"],
)
@pytest.mark.parametrize(
    ("path", "check"), [("/v1/chat/completions", "openai"), ("/v1/messages", "anthropic")], ids=["openai", "anthropic"]
)
def test_a_body_that_is_no_request_is_a_bad_request(gateway, path, check, body):
    headers = {"x-api-key": KEY, "content-type": "application/json", "anthropic-version": "2023-06-01"}
    if check == "openai":
        headers.pop("anthropic-version")
    answer = httpx.post(gateway.url + path, content=body, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 400, answer.text
    if check == "openai":
        assert answer.json()["error"]["type"] == "invalid_request_error"
    else:
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert answer.json()["type"] == "error"
    assert answer.json()["error"]["message"]


def test_the_sdks_bad_request_is_typed(sdk):
    with sdk.make(KEY) as client, pytest.raises(sdk.module.BadRequestError) as caught:
        sdk.call(client, model=7)
    sdk.check(caught.value, 400)


def test_a_body_over_the_limit_is_too_large(sdk):
    huge = "x" * (33 << 20)
    with sdk.make(KEY) as client, pytest.raises(sdk.module.APIStatusError) as caught:
        sdk.call(client, extra_body={"padding": huge})
    sdk.check(caught.value, 413)
    if sdk.module is anthropic:
        assert isinstance(caught.value, anthropic.ContentTooLargeError)
        assert caught.value.type == "request_too_large"


def test_a_wrong_method_is_said_to_be_one(gateway):
    answer = httpx.get(
        gateway.openai_url + "/chat/completions", headers={"authorization": f"Bearer {KEY}"}, trust_env=False
    )
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
    assert answer.json()["error"]["message"]


# ---- what the provider answers ---------------------------------------------------------------------------------------

PROVIDER_ERRORS = {
    400: ("BadRequestError", "BadRequestError"),
    404: ("NotFoundError", "NotFoundError"),
    409: ("ConflictError", "ConflictError"),
    413: ("APIStatusError", "ContentTooLargeError"),
    422: ("UnprocessableEntityError", "UnprocessableEntityError"),
    429: ("RateLimitError", "RateLimitError"),
    500: ("InternalServerError", "InternalServerError"),
    503: ("InternalServerError", "ServiceUnavailableError"),
    529: ("InternalServerError", "OverloadedError"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("status", PROVIDER_ERRORS)
def test_a_providers_error_keeps_its_status_and_its_type(sdk, status, stream):
    name = PROVIDER_ERRORS[status][sdk.module is anthropic]
    with sdk.make(KEY) as client, pytest.raises(getattr(sdk.module, name)) as caught:
        sdk.call(client, stream=stream, extra_headers=dials(error=status))
    sdk.check(caught.value, status)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_provider_that_refuses_weirs_key_is_not_mistaken_for_the_callers_key(tmp_path, sim, status):
    """On a gateway of its own: the refused key is benched afterwards."""
    gateway = harness.Gateway(tmp_path, sim_config(sim), name="benched")
    try:
        with gateway.openai(KEY) as client, pytest.raises(openai.APIStatusError) as caught:
            Openai.call(client, extra_headers=dials(error=status))
        assert caught.value.status_code >= 500 or "sim" in str(caught.value)
        assert harness.UPSTREAM_SECRET not in str(caught.value)
    finally:
        gateway.stop()


def test_a_provider_that_resets_the_connection_is_a_server_error(sdk):
    with sdk.make(KEY) as client, pytest.raises(sdk.module.InternalServerError) as caught:
        sdk.call(client, extra_headers=dials(error="reset"))
    assert caught.value.status_code in (502, 503)
    sdk.check(caught.value, caught.value.status_code)


def test_a_provider_that_is_not_there_is_a_server_error_that_names_it(client):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="gone", messages=QUESTION)
    Openai.check(caught.value, caught.value.status_code)
    assert "dead" in str(caught.value)


# ---- retries ---------------------------------------------------------------------------------------------------------


def counted(make, key, **options):
    """A client that counts the requests it sends."""
    requests = []
    module_client = make(key, **options)
    send = module_client._client.send

    def counting(request, **arguments):
        requests.append(request)
        return send(request, **arguments)

    module_client._client.send = counting
    return module_client, requests


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_sdk_retries_exactly_when_weir_lets_it(sdk, status):
    client, requests = counted(sdk.make, KEY, max_retries=2)
    with client, pytest.raises(sdk.module.APIStatusError) as caught:
        sdk.call(client, extra_headers=dials(error=status, retry_after=0.1))
    allowed = caught.value.response.headers.get("x-should-retry") != "false"
    assert len(requests) == (3 if allowed else 1)


def test_an_error_of_the_callers_own_making_is_never_retried(sdk):
    client, requests = counted(sdk.make, KEY, max_retries=2)
    with client, pytest.raises(sdk.module.NotFoundError):
        sdk.call(client, model="nothing-like-it")
    assert len(requests) == 1


def test_retry_after_is_passed_on_and_waited_for(tmp_path):
    """One request a window: the second call is refused once, waits as told, and succeeds."""
    sim = harness.Sim(tmp_path, "--rpm", "1", "--window", "1s", "--window-law", "fixed", name="narrow_sim")
    gateway = harness.Gateway(tmp_path, sim_config(sim), name="narrow_weir")
    try:
        with gateway.openai(KEY, max_retries=4) as client:
            started = time.monotonic()
            for _ in range(3):
                assert Openai.call(client).choices[0].message.content
            assert time.monotonic() - started > 0.5, "the window was waited for"
        with gateway.openai(KEY) as client, pytest.raises(openai.RateLimitError) as caught:
            for _ in range(5):
                Openai.call(client)
        headers = caught.value.response.headers
        assert 0 < float(headers.get("retry-after-ms", 0)) <= 1000 or 0 < float(headers["retry-after"]) <= 1
    finally:
        gateway.stop()
        sim.stop()


# ---- time-outs and broken connections --------------------------------------------------------------------------------


def test_a_provider_that_never_answers_ends_in_the_clients_timeout(sdk):
    with sdk.make(KEY, timeout=1) as client, pytest.raises(sdk.module.APITimeoutError):
        sdk.call(client, extra_headers=dials(error="timeout"))


def test_a_provider_that_never_answers_ends_in_weirs_timeout_when_that_is_shorter(tmp_path, sim):
    config = sim_config(sim)
    for name in ("sim", "sim-claude"):
        config["providers"][name]["first_byte_timeout"] = "300ms"
    gateway = harness.Gateway(tmp_path, config, name="impatient")
    try:
        for sdk in (Openai(gateway), Anthropic(gateway)):
            with sdk.make(KEY) as client, pytest.raises(sdk.module.InternalServerError) as caught:
                sdk.call(client, extra_headers=dials(error="timeout"))
            sdk.check(caught.value, 504)
    finally:
        gateway.stop()


def test_a_gateway_that_is_not_there_is_a_connection_error():
    port = harness.free_port()
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError):
            Openai.call(client)
    with anthropic.Anthropic(base_url=f"http://127.0.0.1:{port}", api_key=KEY, max_retries=0) as client:
        with pytest.raises(anthropic.APIConnectionError):
            Anthropic.call(client)


def test_a_stalled_stream_ends_in_the_clients_timeout(gateway):
    with gateway.openai(KEY, timeout=1) as client:
        stream = Openai.call(client, stream=True, extra_headers=dials(stall_after=3, length="constant:50"))
        with pytest.raises(openai.APITimeoutError):
            list(stream)


# ---- errors in mid-stream --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dial", ["cut_after", "error_mid_stream"])
def test_a_stream_that_breaks_ends_with_an_error_event_after_what_was_said(sdk, dial):
    seen = []
    with sdk.make(KEY) as client:
        stream = sdk.call(client, stream=True, extra_headers=dials(**{dial: 5}, length="constant:50"))
        with pytest.raises(sdk.module.APIError) as caught:
            for event in stream:
                seen.append(event)
    assert 3 <= len(seen) <= 5
    assert not isinstance(caught.value, sdk.module.APIConnectionError), "the stream was ended in order"
    if sdk.module is openai:
        assert all(chunk.choices[0].finish_reason is None for chunk in seen)
    else:
        assert "message_stop" not in {event.type for event in seen}
        assert caught.value.type.endswith("_error")


@pytest.mark.parametrize("dial", ["cut_after", "error_mid_stream"])
def test_a_response_stream_that_breaks_ends_with_an_error_event(client, dial):
    types = []
    stream = client.responses.create(
        model="fast", input="Name three rivers.", stream=True,
        extra_headers=dials(**{dial: 8}, length="constant:50"),
    )
    try:
        for event in stream:
            types.append(event.type)
    except openai.APIError as error:
        assert not isinstance(error, openai.APIConnectionError)
        types.append("raised")
    assert types[-1] in ("error", "response.failed", "raised")
    assert "response.completed" not in types
