// The official OpenAI and Anthropic clients for Node, unmodified, with a tenant's key.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

import {
  INJECTION,
  answerOf,
  chat,
  chatText,
  chatTokens,
  counted,
  message,
  messageText,
  messageTokens,
  refusal,
  words,
} from "./calls.mjs";
import { Gate } from "./gate.mjs";
import { until } from "./processes.mjs";

// How soon what an operator does is in force in a gate that runs.
const PROMPTLY_MS = 2_000;

let gate, acme;

before(async () => {
  gate = await Gate.start();
  acme = await gate.tenant("acme");
});
beforeEach(() => gate.forget());
after(() => gate.stop());

const CLIENTS = {
  openai: {
    client: (key, options) => gate.openai(key, options),
    call: chat,
    text: chatText,
    tokens: chatTokens,
    errors: OpenAI,
    cutAfter: 4,
    says: (error) => error.code,
    unauthenticated: "invalid_api_key",
    blocked: "prompt_injection_detected",
  },
  anthropic: {
    client: (key, options) => gate.anthropic(key, options),
    call: message,
    text: messageText,
    tokens: messageTokens,
    errors: Anthropic,
    cutAfter: 6,
    says: (error) => error.error.error.type,
    unauthenticated: "authentication_error",
    blocked: "invalid_request_error",
  },
};

for (const [name, kind] of Object.entries(CLIENTS)) {
  test(`${name}: a plain call is answered`, async () => {
    assert.equal(kind.text(await kind.call(kind.client(acme.key))), answerOf("primary"));
  });

  test(`${name}: a stream comes word by word`, async () => {
    const stream = await kind.call(kind.client(acme.key), { stream: true });
    assert.deepEqual(await kind.tokens(stream), words(answerOf("primary")));
  });

  test(`${name}: models are listed`, async () => {
    const models = [];
    for await (const model of kind.client(acme.key).models.list()) models.push(model.id);
    assert.ok(models.length > 0);
  });

  test(`${name}: a wrong key is asked once, raised, and goes no further`, async () => {
    const counting = counted();
    const client = kind.client("sk-nobody", { fetch: counting.fetch });
    const error = await refusal(() => kind.call(client), kind.errors.AuthenticationError);
    assert.equal(counting.requests, 1);
    assert.equal(kind.says(error), kind.unauthenticated);
    assert.equal(error.headers.get("x-should-retry"), "false");
    assert.deepEqual(await gate.seen(), []);
  });

  test(`${name}: a prompt injection is a bad request and goes no further`, async () => {
    const blocked = () => kind.call(kind.client(acme.key), { text: INJECTION });
    const error = await refusal(blocked, kind.errors.BadRequestError);
    assert.equal(kind.says(error), kind.blocked);
    assert.deepEqual(await gate.seen(), []);
  });

  test(`${name}: a suspended tenant is forbidden at once, and let in again when active`, async () => {
    const tenant = await gate.tenant(`suspended-${name}`);
    const client = kind.client(tenant.key);
    const forbidden = () => refusal(() => kind.call(client), kind.errors.PermissionDeniedError);
    assert.equal(await forbidden(), undefined);
    await gate.wardgate("tenant", "suspend", tenant.slug);
    await until(forbidden, "the tenant is refused", PROMPTLY_MS);
    await gate.forget();
    assert.ok(await forbidden());
    assert.deepEqual(await gate.seen(), []);
    await gate.wardgate("tenant", "activate", tenant.slug);
    await until(async () => !(await forbidden()), "the tenant is let in again", PROMPTLY_MS);
  });

  test(`${name}: a stream that the provider cuts is an error after the words so far`, async () => {
    const heard = [];
    const broken = await gate.primary.failing({ cut_after: kind.cutAfter }, () =>
      refusal(async () => {
        await kind.tokens(await kind.call(kind.client(acme.key), { stream: true }), heard);
      }, kind.errors.APIError),
    );
    const sent = words(answerOf("primary"));
    assert.ok(broken);
    assert.ok(heard.length > 0 && heard.length < sent.length);
    assert.deepEqual(heard, sent.slice(0, heard.length));
  });
}

test("openai: a response is answered, plain and streaming", async () => {
  const client = gate.openai(acme.key);
  const ask = { model: "gpt-4o", input: "good day" };
  assert.equal((await client.responses.create(ask)).output_text, answerOf("primary"));
  const deltas = [];
  for await (const event of await client.responses.create({ ...ask, stream: true })) {
    if (event.type === "response.output_text.delta") deltas.push(event.delta);
  }
  assert.deepEqual(deltas, words(answerOf("primary")));
});

test("both: a minted token works as key", async () => {
  const grant = ["--subject", "alice", "--tenant", acme.slug, "--expires-in", "1h"];
  const token = await gate.wardgate("token", "mint", ...grant);
  assert.equal(chatText(await chat(gate.openai(token))), answerOf("primary"));
  assert.equal(messageText(await message(gate.anthropic(token))), answerOf("primary"));
});

test("both: the provider gets its own key and the tenant's id, and not the tenant's key", async () => {
  await chat(gate.openai(acme.key));
  await message(gate.anthropic(acme.key));
  const [fromOpenai, fromAnthropic] = (await gate.seen()).map(({ headers }) => Object.fromEntries(headers));
  assert.equal(fromOpenai.authorization, `Bearer ${gate.providerKey}`);
  assert.equal(fromAnthropic["x-api-key"], gate.providerKey);
  for (const headers of [fromOpenai, fromAnthropic]) {
    assert.equal(headers["x-tenant-id"], acme.id);
    assert.ok(!Object.values(headers).some((value) => value.includes(acme.key)));
  }
});
