// What the Node tests share: the SDKs out of build/node, clients of the gateway under test, the simulator's dials.
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
