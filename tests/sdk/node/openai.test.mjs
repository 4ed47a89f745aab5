// The official OpenAI SDK for Node against weir in front of the simulator.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  OpenAI, collect, dials, leaveAndCheck, narrowKey, openai, question, simStats, slow, waitForCancelled, z,
  zodResponseFormat, zodTextFormat,
} from "./common.mjs";

const Person = z.object({ name: z.string(), age: z.number().int() });
const weatherTool = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

test("a plain call is answered whole", async () => {
  const answer = await openai().chat.completions.create({ model: "fast", messages: question });
  assert.ok(answer.choices[0].message.content);
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  assert.ok(answer._request_id);
});

test("a stream has a role first, a finish reason last and no usage unasked", async () => {
  const chunks = await collect(
    await openai().chat.completions.create({ model: "fast", messages: question, stream: true }),
  );
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !("usage" in chunk)));
});

test("a stream ends with one usage chunk when asked", async () => {
  const chunks = await collect(
    await openai().chat.completions.create({
      model: "fast", messages: question, stream: true, stream_options: { include_usage: true },
    }),
  );
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
});

test("the stream helper rebuilds the message", async () => {
  const runner = openai().chat.completions.stream({ model: "fast", messages: question });
  let text = "";
  runner.on("content", (delta) => (text += delta));
  assert.equal(await runner.finalContent(), text);
  assert.ok(text);
});

test("the stream helper rebuilds parallel tool calls", async () => {
  const runner = openai().chat.completions.stream(
    { model: "fast", messages: question, tools: [weatherTool] }, dials({ "tool-calls": "parallel" }),
  );
  const message = await runner.finalMessage();
  assert.ok(message.tool_calls.length >= 2);
  for (const call of message.tool_calls) {
    assert.equal(call.function.name, "get_weather");
    assert.ok("city" in JSON.parse(call.function.arguments));
  }
});

test("tool results go back and are answered", async () => {
  const client = openai();
  const request = { model: "fast", messages: question, tools: [weatherTool] };
  const first = await client.chat.completions.create(request, dials({ "tool-calls": "single" }));
  assert.equal(first.choices[0].finish_reason, "tool_calls");
  const message = first.choices[0].message;
  const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: '{"sky":"clear"}' };
  const second = await client.chat.completions.create(
    { ...request, messages: [...question, message, result] }, dials({ "tool-calls": "none" }),
  );
  assert.ok(second.choices[0].message.content);
});

test("a schema is parsed into the caller's type", async () => {
  const answer = await openai().chat.completions.parse({
    model: "fast", messages: question, response_format: zodResponseFormat(Person, "person"),
  });
  assert.equal(typeof answer.choices[0].message.parsed.name, "string");
});

test("a response plain, streamed and parsed", async () => {
  const client = openai();
  const plain = await client.responses.create({ model: "fast", input: "Name three rivers." });
  assert.equal(plain.status, "completed");
  assert.ok(plain.output_text);
  const events = await collect(
    await client.responses.create({ model: "fast", input: "Name three rivers.", stream: true }),
  );
  assert.equal(events[0].type, "response.created");
  assert.equal(events.at(-1).type, "response.completed");
  const parsed = await client.responses.parse({
    model: "fast", input: "A person", text: { format: zodTextFormat(Person, "person") },
  });
  assert.equal(typeof parsed.output_parsed.age, "number");
});

test("the response stream helper rebuilds the response", async () => {
  const final = await openai().responses.stream({ model: "fast", input: "Name three rivers." }).finalResponse();
  assert.ok(final.output_text);
});

test("embeddings come one for each input", async () => {
  const answer = await openai().embeddings.create({ model: "fast", input: ["the Rhine", "the Elbe"] });
  assert.deepEqual(answer.data.map((item) => item.index), [0, 1]);
  assert.ok(answer.data[0].embedding.length > 1);
  assert.ok(answer.data[0].embedding.every(Number.isFinite));
});

test("a legacy completion plain and streamed", async () => {
  const client = openai();
  const plain = await client.completions.create({ model: "fast", prompt: "Three rivers:" });
  const chunks = await collect(
    await client.completions.create({ model: "fast", prompt: "Three rivers:", stream: true }),
  );
  assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), plain.choices[0].text);
});

test("the model list is what the key may use", async () => {
  const models = await collect(await openai({ apiKey: narrowKey }).models.list());
  assert.deepEqual(models.map((model) => model.id), ["fast"]);
  assert.equal((await openai().models.retrieve("vendor/sim-small")).id, "vendor/sim-small");
});

test("a wrong key is an AuthenticationError", async () => {
  const call = openai({ apiKey: "sk-weir-wrong" }).chat.completions.create({ model: "fast", messages: question });
  await assert.rejects(call, OpenAI.AuthenticationError);
});

test("an unknown model is a NotFoundError with the nearest name", async () => {
  const call = openai().chat.completions.create({ model: "fsat", messages: question });
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    assert.match(error.message, /fast/);
    return true;
  });
});

test("a provider's errors are typed", async () => {
  const kinds = {
    400: OpenAI.BadRequestError, 409: OpenAI.ConflictError, 422: OpenAI.UnprocessableEntityError,
    429: OpenAI.RateLimitError, 500: OpenAI.InternalServerError, 503: OpenAI.InternalServerError,
    529: OpenAI.InternalServerError, reset: OpenAI.InternalServerError,
  };
  for (const [fault, kind] of Object.entries(kinds)) {
    const call = openai().chat.completions.create({ model: "fast", messages: question }, dials({ error: fault }));
    await assert.rejects(call, (error) => error instanceof kind && error.headers.get("x-request-id") !== null, fault);
  }
});

test("a provider that never answers is an APIConnectionTimeoutError", async () => {
  const call = openai({ timeout: 500 }).chat.completions.create(
    { model: "fast", messages: question }, dials({ error: "timeout" }),
  );
  await assert.rejects(call, OpenAI.APIConnectionTimeoutError);
});

test("a stream that breaks throws after what was said", async () => {
  const stream = await openai().chat.completions.create(
    { model: "fast", messages: question, stream: true }, dials({ "cut-after": 5, length: "constant:50" }),
  );
  let seen = 0;
  await assert.rejects(async () => {
    for await (const chunk of stream) {
      seen += chunk.choices.length;
    }
  }, OpenAI.APIError);
  assert.ok(seen >= 3, String(seen));
});

test("breaking out of the loop cancels the call", async () => {
  await leaveAndCheck(
    () => openai().chat.completions.create({ model: "fast", messages: question, stream: true }, slow),
    (chunk) => chunk.choices[0].delta.content,
  );
});

test("an abort signal cancels an unstreamed call", async () => {
  const before = await simStats();
  const controller = new AbortController();
  const call = openai().chat.completions.create(
    { model: "fast", messages: question }, { ...slow, signal: controller.signal },
  );
  setTimeout(() => controller.abort(), 300);
  await assert.rejects(call, OpenAI.APIUserAbortError);
  await waitForCancelled(before);
});

test("twenty streams at once are not mixed up", async () => {
  const client = openai();
  const texts = Array.from({ length: 20 }, (_, i) => `call ${i}: ${`word${i} `.repeat(30)}end`);
  const answers = await Promise.all(
    texts.map(async (content) => {
      const stream = await client.chat.completions.create(
        { model: "fast", messages: [{ role: "user", content }], stream: true },
        dials({ echo: "true", itl: "constant:5" }),
      );
      return (await collect(stream)).map((chunk) => chunk.choices[0].delta.content ?? "").join("");
    }),
  );
  assert.deepEqual(answers, texts);
});
