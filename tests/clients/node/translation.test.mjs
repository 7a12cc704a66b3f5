// The official clients at a provider that does not speak their dialect.
//
// Every test runs twice: `native`, with the client right at a provider of its own dialect, and `translated`, through a
// gate whose only upstream speaks the other one. Nothing that a client can see differs, so both meet the same
// expectations.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

import {
  answerOf,
  chat,
  chatText,
  chatTokens,
  message,
  messageText,
  messageTokens,
  refusal,
  words,
} from "./calls.mjs";
import { Gate } from "./gate.mjs";

const ORDER = 'say One moment. use get_weather {"city":"Paris"} and get_time';
const TWO_CALLS = [["get_weather", { city: "Paris" }], ["get_time", {}]];
const RESULTS = { get_weather: "rain", get_time: "noon" };
const TOLD = "Hello from primary. The tools said: rain; noon.";

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PICTURE = "https://pictures.example/cat.png";
const SHOWN =
  `Hello from primary. You said: what? I see 2 images: url ${PICTURE}, base64 image/png 70 bytes.`;

const PLACE = {
  type: "object",
  properties: { city: { type: "string" }, inhabitants: { type: "integer" } },
  required: ["city", "inhabitants"],
  additionalProperties: false,
};
const PARIS = { city: "Paris", inhabitants: 1 };

const NAMES = ["get_weather", "get_time"];
const PARAMETERS = { type: "object", properties: { city: { type: "string" } } };
const CHAT_TOOLS = NAMES.map((name) => ({ type: "function", function: { name, parameters: PARAMETERS } }));
const RESPONSE_TOOLS = NAMES.map((name) => ({ type: "function", name, parameters: PARAMETERS, strict: false }));
const MESSAGE_TOOLS = NAMES.map((name) => ({ name, input_schema: PARAMETERS }));

const user = (content) => ({ role: "user", content });

const chatCalls = ({ tool_calls = [] }) =>
  tool_calls.map(({ function: { name, arguments: text } }) => [name, JSON.parse(text)]);
const responseCalls = ({ output }) =>
  output.filter(({ type }) => type === "function_call").map(({ name, arguments: text }) => [name, JSON.parse(text)]);
const used = ({ content }) => content.filter(({ type }) => type === "tool_use");
const messageCalls = (answer) => used(answer).map(({ name, input }) => [name, input]);

async function heardBefore(error, stream, tokens) {
  const heard = [];
  const broken = await refusal(async () => tokens(await stream(), heard), error);
  assert.ok(broken, "nothing was raised");
  const sent = words(answerOf("primary"));
  assert.ok(heard.length > 0 && heard.length < sent.length, heard);
  assert.deepEqual(heard, sent.slice(0, heard.length));
}

for (const way of ["native", "translated"]) {
  describe(`openai, ${way}`, () => {
    let gate, client;

    before(async () => {
      gate = await Gate.start({ upstreams: ["anthropic-primary"] });
      const options = { maxRetries: 0 };
      const { key } = await gate.tenant("acme");
      client =
        way === "translated"
          ? gate.openai(key, options)
          : new OpenAI({ apiKey: gate.providerKey, baseURL: `${gate.primary.url}/v1`, ...options });
    });
    beforeEach(() => gate.forget());
    after(() => gate.stop());

    test("a chat is answered and counted", async () => {
      const answer = await chat(client);
      assert.equal(chatText(answer), answerOf("primary"));
      assert.deepEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens], [2, 7]);
      const paths = (await gate.seen()).map(({ path }) => path);
      assert.deepEqual(paths, [way === "translated" ? "/v1/messages" : "/v1/chat/completions"]);
    });

    test("a chat streams word by word", async () => {
      const stream = await chat(client, { stream: true });
      assert.deepEqual(await chatTokens(stream), words(answerOf("primary")));
    });

    test("a chat calls two tools and hears their results, streaming too", async () => {
      const ask = { model: "gpt-4o", messages: [user(ORDER)], tools: CHAT_TOOLS };
      const whole = (await client.chat.completions.create(ask)).choices[0];
      const streamed = (await client.chat.completions.stream(ask).finalChatCompletion()).choices[0];
      for (const { message: said, finish_reason } of [whole, streamed]) {
        assert.equal(finish_reason, "tool_calls");
        assert.equal(said.content, "One moment.");
        assert.deepEqual(chatCalls(said), TWO_CALLS);
        const results = said.tool_calls.map(({ id, function: { name } }) => (
          { role: "tool", tool_call_id: id, content: RESULTS[name] }
        ));
        const { role, content, tool_calls } = said;
        const turns = [user(ORDER), { role, content, tool_calls }, ...results];
        assert.equal(chatText(await client.chat.completions.create({ ...ask, messages: turns })), TOLD);
      }
    });

    test("a chat shows images by url and in base64", async () => {
      const image = (url) => ({ type: "image_url", image_url: { url } });
      const text = [{ type: "text", text: "what?" }, image(PICTURE), image(`data:image/png;base64,${PIXEL}`)];
      assert.equal(chatText(await chat(client, { text })), SHOWN);
    });

    test("a chat answers in a schema", async () => {
      const schema = { name: "place", schema: PLACE, strict: true };
      const ask = { text: "Paris", response_format: { type: "json_schema", json_schema: schema } };
      assert.deepEqual(JSON.parse(chatText(await chat(client, ask))), PARIS);
    });

    test("a chat ends at its limit", async () => {
      const [choice] = (await chat(client, { max_tokens: 2 })).choices;
      assert.deepEqual([choice.finish_reason, choice.message.content], ["length", "Hello from "]);
    });

    test("a provider's error is the client's own", async () => {
      const error = await gate.primary.failing({ status: 404 }, () =>
        refusal(() => chat(client), OpenAI.NotFoundError),
      );
      assert.deepEqual([error.status, error.type], [404, "invalid_request_error"]);
      const long = await gate.primary.failing({ context_window: true }, () =>
        refusal(() => chat(client), OpenAI.BadRequestError),
      );
      assert.equal(long.code, "context_length_exceeded");
    });

    test("a chat stream that reports an error raises it after the words so far", () =>
      gate.primary.failing({ error_after: 6 }, () =>
        heardBefore(OpenAI.APIError, () => chat(client, { stream: true }), chatTokens),
      ));

    test("a response calls two tools and hears their results, streaming too", async () => {
      const ask = { model: "gpt-4o", input: [user(ORDER)], tools: RESPONSE_TOOLS };
      const whole = await client.responses.create(ask);
      const streamed = await client.responses.stream(ask).finalResponse();
      for (const answer of [whole, streamed]) {
        assert.deepEqual(responseCalls(answer), TWO_CALLS);
        const calls = answer.output.filter(({ type }) => type === "function_call");
        const items = calls.map(({ call_id, name, arguments: text }) => (
          { type: "function_call", call_id, name, arguments: text }
        ));
        const results = calls.map(({ call_id, name }) => (
          { type: "function_call_output", call_id, output: RESULTS[name] }
        ));
        const last = await client.responses.create({ ...ask, input: [user(ORDER), ...items, ...results] });
        assert.equal(last.output_text, TOLD);
      }
    });

    test("a response streams word by word", async () => {
      const deltas = [];
      for await (const event of await client.responses.create({ model: "gpt-4o", input: "good day", stream: true })) {
        if (event.type === "response.output_text.delta") deltas.push(event.delta);
      }
      assert.deepEqual(deltas, words(answerOf("primary")));
    });
  });

  describe(`anthropic, ${way}`, () => {
    let gate, client;

    before(async () => {
      gate = await Gate.start({ upstreams: ["openai-primary"] });
      const options = { maxRetries: 0 };
      const { key } = await gate.tenant("acme");
      client =
        way === "translated"
          ? gate.anthropic(key, options)
          : new Anthropic({ apiKey: gate.providerKey, baseURL: gate.primary.url, ...options });
    });
    beforeEach(() => gate.forget());
    after(() => gate.stop());

    test("a message is answered and counted", async () => {
      const answer = await message(client);
      assert.equal(messageText(answer), answerOf("primary"));
      assert.deepEqual([answer.stop_reason, answer.usage.input_tokens, answer.usage.output_tokens], ["end_turn", 2, 7]);
      const paths = (await gate.seen()).map(({ path }) => path);
      assert.deepEqual(paths, [way === "translated" ? "/v1/chat/completions" : "/v1/messages"]);
    });

    test("a message streams word by word", async () => {
      const stream = await message(client, { stream: true });
      assert.deepEqual(await messageTokens(stream), words(answerOf("primary")));
    });

    test("a message calls two tools and hears their results, streaming too", async () => {
      const ask = { model: "claude-haiku-4-5", max_tokens: 64, messages: [user(ORDER)], tools: MESSAGE_TOOLS };
      const whole = await client.messages.create(ask);
      const streamed = await client.messages.stream(ask).finalMessage();
      for (const answer of [whole, streamed]) {
        assert.equal(answer.stop_reason, "tool_use");
        assert.equal(messageText(answer), "One moment.");
        assert.deepEqual(messageCalls(answer), TWO_CALLS);
        const results = used(answer).map(({ id, name }) => (
          { type: "tool_result", tool_use_id: id, content: RESULTS[name] }
        ));
        const turns = [user(ORDER), { role: "assistant", content: answer.content }, user(results)];
        assert.equal(messageText(await client.messages.create({ ...ask, messages: turns })), TOLD);
      }
    });

    test("a message shows images by url and in base64", async () => {
      const image = (source) => ({ type: "image", source });
      const packed = { type: "base64", media_type: "image/png", data: PIXEL };
      const text = [{ type: "text", text: "what?" }, image({ type: "url", url: PICTURE }), image(packed)];
      assert.equal(messageText(await message(client, { text })), SHOWN);
    });

    test("a message answers in a schema", async () => {
      const ask = { text: "Paris", output_config: { format: { type: "json_schema", schema: PLACE } } };
      assert.deepEqual(JSON.parse(messageText(await message(client, ask))), PARIS);
    });

    test("a message ends at its limit", async () => {
      const answer = await message(client, { max_tokens: 2 });
      assert.deepEqual([answer.stop_reason, messageText(answer)], ["max_tokens", "Hello from "]);
    });

    test("a provider's error is the client's own", async () => {
      const error = await gate.primary.failing({ status: 404 }, () =>
        refusal(() => message(client), Anthropic.NotFoundError),
      );
      assert.equal(error.error.error.type, "not_found_error");
    });

    test("a message stream that reports an error raises it after the words so far", () =>
      gate.primary.failing({ error_after: 6 }, () =>
        heardBefore(Anthropic.APIError, () => message(client, { stream: true }), messageTokens),
      ));
  });
}

describe("an Anthropic primary and an OpenAI secondary", () => {
  let gate, openai, anthropic;

  before(async () => {
    gate = await Gate.start({ upstreams: ["anthropic-primary", "openai-secondary"], inOrder: true });
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

  test("failover to the other dialect is seen by no client", async () => {
    await assertAnsweredBy("primary");
    await gate.primary.failing({ status: 529 }, () => assertAnsweredBy("secondary"));
  });
});
