// The official Anthropic SDK for Node against weir in front of the simulator.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  Anthropic, anthropic, collect, dials, key, leaveAndCheck, narrowKey, question, slow,
} from "./common.mjs";

const call = { model: "claude", max_tokens: 300, messages: question };
const weatherTool = {
  name: "get_weather",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const thinking = { thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 4000 };

test("a message is answered whole", async () => {
  const answer = await anthropic().messages.create(call);
  assert.equal(answer.content[0].type, "text");
  assert.equal(answer.stop_reason, "end_turn");
  assert.ok(answer.usage.output_tokens > 0);
  assert.ok(answer._request_id);
});

test("a stream has its events in order", async () => {
  const types = (await collect(await anthropic().messages.create({ ...call, stream: true }))).map((e) => e.type);
  assert.equal(types[0], "message_start");
  assert.deepEqual(types.slice(-3), ["content_block_stop", "message_delta", "message_stop"]);
});

test("the stream helper rebuilds the message", async () => {
  const stream = anthropic().messages.stream(call);
  let text = "";
  stream.on("text", (delta) => (text += delta));
  assert.equal(await stream.finalText(), text);
  assert.ok(text);
});

test("the stream helper rebuilds parallel tool uses", async () => {
  const stream = anthropic().messages.stream({ ...call, tools: [weatherTool] }, dials({ "tool-calls": "parallel" }));
  const message = await stream.finalMessage();
  const uses = message.content.filter((block) => block.type === "tool_use");
  assert.equal(message.stop_reason, "tool_use");
  assert.ok(uses.length >= 2);
  assert.ok(uses.every((use) => "city" in use.input));
});

test("tool results go back and are answered", async () => {
  const client = anthropic();
  const first = await client.messages.create({ ...call, tools: [weatherTool] }, dials({ "tool-calls": "single" }));
  const use = first.content.find((block) => block.type === "tool_use");
  const messages = [
    ...question,
    { role: "assistant", content: first.content },
    { role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: "clear" }] },
  ];
  const second = await client.messages.create(
    { ...call, messages, tools: [weatherTool] }, dials({ "tool-calls": "none" }),
  );
  assert.equal(second.stop_reason, "end_turn");
});

test("thinking comes first, streamed as it is whole", async () => {
  const client = anthropic();
  const whole = await client.messages.create({ ...call, ...thinking });
  const streamed = await client.messages.stream({ ...call, ...thinking }).finalMessage();
  assert.equal(whole.content[0].type, "thinking");
  assert.ok(whole.content[0].signature);
  assert.equal(streamed.content[0].thinking, whole.content[0].thinking);
  assert.equal(streamed.content[0].signature, whole.content[0].signature);
});

test("tokens are counted without an answer", async () => {
  assert.ok((await anthropic().messages.countTokens({ model: "claude", messages: question })).input_tokens > 0);
});

test("the model list is what the key may use", async () => {
  const models = await collect(await anthropic({ apiKey: narrowKey }).models.list());
  assert.deepEqual(models.map((model) => [model.id, model.type]), [["fast", "model"]]);
});

test("the key may come as a bearer token", async () => {
  const client = anthropic({ apiKey: null, authToken: key });
  assert.ok((await client.messages.create(call)).content.length > 0);
});

test("a wrong key is an AuthenticationError", async () => {
  await assert.rejects(anthropic({ apiKey: "sk-weir-wrong" }).messages.create(call), Anthropic.AuthenticationError);
});

test("an unknown model is a NotFoundError with the nearest name", async () => {
  await assert.rejects(anthropic().messages.create({ ...call, model: "cluade" }), (error) => {
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.equal(error.error.error.type, "not_found_error");
    assert.match(error.message, /claude/);
    return true;
  });
});

test("a provider's errors are typed", async () => {
  const kinds = {
    400: Anthropic.BadRequestError, 409: Anthropic.ConflictError, 422: Anthropic.UnprocessableEntityError,
    429: Anthropic.RateLimitError, 500: Anthropic.InternalServerError, 529: Anthropic.InternalServerError,
    reset: Anthropic.InternalServerError,
  };
  for (const [fault, kind] of Object.entries(kinds)) {
    await assert.rejects(
      anthropic().messages.create(call, dials({ error: fault })),
      (error) => error instanceof kind && Boolean(error.requestID), fault,
    );
  }
});

test("a stream that breaks throws after what was said", async () => {
  const stream = await anthropic().messages.create(
    { ...call, stream: true }, dials({ "cut-after": 5, length: "constant:50" }),
  );
  const seen = [];
  await assert.rejects(async () => {
    for await (const event of stream) {
      seen.push(event.type);
    }
  }, Anthropic.APIError);
  assert.ok(seen.length >= 3 && !seen.includes("message_stop"), seen.join());
});

test("breaking out of the loop cancels the call", async () => {
  await leaveAndCheck(
    () => anthropic().messages.create({ ...call, stream: true }, slow),
    (event) => event.type === "content_block_delta",
  );
});
