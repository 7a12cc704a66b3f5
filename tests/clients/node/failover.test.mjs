// The primary is killed, and no client sees it. Retries of the clients are off, so that none of them hides it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { answerOf, chat, chatText, chatTokens, message, messageText, messageTokens, words } from "./calls.mjs";
import { Gate } from "./gate.mjs";

let gate, openai, anthropic;

before(async () => {
  gate = await Gate.start();
  const { key } = await gate.tenant("acme");
  [openai, anthropic] = [gate.openai(key, { maxRetries: 0 }), gate.anthropic(key, { maxRetries: 0 })];
});
after(() => gate.stop());

async function assertAnsweredBy(name) {
  assert.equal(chatText(await chat(openai)), answerOf(name));
  assert.equal(messageText(await message(anthropic)), answerOf(name));
  assert.deepEqual(await chatTokens(await chat(openai, { stream: true })), words(answerOf(name)));
  assert.deepEqual(await messageTokens(await message(anthropic, { stream: true })), words(answerOf(name)));
}

test("a killed primary is not seen by any client", async () => {
  await assertAnsweredBy("primary");
  await gate.primary.kill();
  await assertAnsweredBy("secondary");
  const { response } = await openai.models.list().withResponse();
  assert.equal(response.headers.get("x-wardgate-upstream"), "openai-secondary");
  assert.equal(response.headers.get("x-wardgate-attempts"), "2");
});
