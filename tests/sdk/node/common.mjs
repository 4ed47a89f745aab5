// What the Node tests share: the SDKs out of build/node, clients of the gateway under test, the simulator's dials.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.env.WEIR_NODE_FOLDER}/package.json`));

export const { default: OpenAI } = require("openai");
export const { default: Anthropic } = require("@anthropic-ai/sdk");
export const { z } = require("zod");
export const { zodResponseFormat, zodTextFormat } = require("openai/helpers/zod");

export const key = process.env.WEIR_KEY;
export const narrowKey = process.env.WEIR_NARROW_KEY;
export const url = process.env.WEIR_URL;
export const simUrl = process.env.WEIR_SIM_URL;

export const question = [{ role: "user", content: "Name three rivers." }];

export function openai(options = {}) {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 60_000, ...options });
}

export function anthropic(options = {}) {
  return new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 60_000, ...options });
}

// Request options that set the simulator's dials: dials({ error: 429 }).
export function dials(values) {
  const headers = {};
  for (const [name, value] of Object.entries(values)) {
    headers[`x-sim-${name}`] = String(value);
  }
  return { headers };
}

export async function collect(stream) {
  const items = [];
  for await (const item of stream) {
    items.push(item);
  }
  return items;
}

export async function simStats() {
  return (await fetch(`${simUrl}/sim/stats`)).json();
}

const tokenMs = 200;

// A stream slow enough to be left in the middle.
export const slow = dials({ itl: `constant:${tokenMs}`, length: "constant:400" });

// Opens a slow stream, breaks out at the first item that matches, and checks that the simulator stopped then: a busy
// machine may read late, so what counts is what it can have said in that time, and two more.
export async function leaveAndCheck(open, matches) {
  const before = await simStats();
  const started = performance.now();
  for await (const item of await open()) {
    if (matches(item)) {
      break;
    }
  }
  const said = 1 + (performance.now() - started) / tokenMs;
  const after = await waitForCancelled(before);
  assert.equal(after.cancelled, before.cancelled + 1);
  assert.ok(after.tokens_generated - before.tokens_generated <= said + 2);
}

// Waits for one more cancelled call than there were, and gives the statistics then.
export function waitForCancelled(before) {
  return waitUntil("cancelled", async () => {
    const stats = await simStats();
    return stats.cancelled > before.cancelled && stats;
  });
}

// Polls until the condition gives something true.
export async function waitUntil(what, condition, timeoutMs = 10_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await condition();
    if (found) {
      return found;
    }
    if (Date.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
