"""Bytes are sacred: recorded streams come through byte for byte, however they are cut on the way."""

import json
import pathlib

import httpx
import pytest

import harness
from replay import Replay

STREAMS = pathlib.Path(__file__).resolve().parents[1] / "fake" / "streams"
ASKING = {"stream_options": {"include_usage": True}}
CASES = [
    # file, path, body, usage as recorded: input, cached, output, reasoning
    ("chat_tools.sse", "/v1/chat/completions", {"messages": [], **ASKING}, (131, 64, 48, 0)),
    ("chat_comments.sse", "/v1/chat/completions", {"messages": [], **ASKING}, (9, None, 6, None)),
    ("chat_comments.sse", "/v1/chat/completions", {"messages": []}, (9, None, 6, None)),
    ("responses_tools.sse", "/v1/responses", {"input": "hi"}, (75, 0, 153, 128)),
    ("messages_thinking.sse", "/v1/messages", {"messages": [], "max_tokens": 9}, (2572, 2000, 89, None)),
]


def relay(tmp_path, body: bytes, step: int, path: str, request: dict):
    upstream = Replay(body, step=step)
    dialect = "anthropic" if path == "/v1/messages" else "openai"
    gateway = harness.Gateway(tmp_path, {
        "providers": {"replay": {"dialect": dialect, "base_url": f"http://127.0.0.1:{upstream.port}"}},
        "models": {"m": {"targets": [{"provider": "replay", "model": "m"}]}},
    })
    try:
        answer = httpx.post(gateway.url + path, json={"model": "m", "stream": True, **request}, trust_env=False, timeout=60)
        trace = gateway.trace(answer.headers["x-weir-trace"])
    finally:
        gateway.stop()
        upstream.close()
    return answer, trace, upstream.requests


@pytest.mark.parametrize("step", [1 << 20, 997, 61, 7, 1])
@pytest.mark.parametrize("name,path,request_body,usage", CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_recorded_streams_pass_unchanged(weir_program, tmp_path, name, path, request_body, usage, step):
    body = (STREAMS / name).read_bytes()
    answer, trace, _ = relay(tmp_path, body, step, path, request_body)
    assert answer.content == body
    wanted = dict(zip(("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"), usage))
    for field, value in wanted.items():
        if value is not None:
            assert trace[field] == value, field
    assert trace["usage_source"] == "provider"


@pytest.mark.parametrize("step", [1 << 20, 61, 1])
def test_only_what_weir_asked_for_is_taken_out(weir_program, tmp_path, step):
    body = (STREAMS / "chat_tools.sse").read_bytes()
    answer, trace, requests = relay(tmp_path, body, step, "/v1/chat/completions", {"messages": []})
    assert json.loads(requests[0].partition(b"\r\n\r\n")[2])["stream_options"] == {"include_usage": True}
    events = body.split(b"\n\n")
    expected = b"\n\n".join(e.replace(b',"usage":null', b"") for e in events if b'"choices":[],' not in e)
    assert answer.content == expected
    assert trace["output_tokens"] == 48


def test_line_ends_of_every_kind_pass(weir_program, tmp_path):
    body = (STREAMS / "messages_thinking.sse").read_bytes().replace(b"\n", b"\r\n")
    answer, trace, _ = relay(tmp_path, body, 13, "/v1/messages", {"messages": [], "max_tokens": 9})
    assert answer.content == body
    assert trace["output_tokens"] == 89
