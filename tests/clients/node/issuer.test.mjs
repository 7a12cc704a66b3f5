// Tokens of a real identity provider, in the official OpenAI client.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import OpenAI from "openai";

import { answerOf, chat, chatText, chatTokens, counted, refusal, words } from "./calls.mjs";
import { Gate } from "./gate.mjs";
import { APIS, Issuer } from "./issuer.mjs";
import { until } from "./processes.mjs";

const TENANTS = ["acme", "globex"];
const CLIENT = "acme";

// Its keys are fetched once a second; a debug build on a loaded machine gets more time.
const REFETCHED_MS = 15_000;

let gate;
// Five issuers, so that what one test does to an issuer harms no other.
let idp, swift, frail, single, stranger;
const impostors = [];

before(async () => {
  [idp, swift, frail, single, stranger] = await Promise.all([1, 2, 3, 4, 5].map(() => Issuer.start(TENANTS)));
  const listed = { audiences: [APIS.gate.audience], claims: { tenant: "tenant_slug" }, leeway: "0s" };
  gate = await Gate.start({
    issuers: [
      // An ID token's audience is the client: listed here, so that its kind alone can refuse it.
      { ...listed, issuer: idp.url, audiences: [APIS.gate.audience, CLIENT] },
      { ...listed, issuer: swift.url, refresh: "1s" },
      { ...listed, issuer: frail.url, refresh: "1s" },
      {
        issuer: single.url,
        audiences: [APIS.gate.audience, CLIENT],
        tenant: "globex",
        required_claims: [{ claim: "client_id" }],
      },
    ],
  });
  for (const tenant of TENANTS) await gate.tenant(tenant);
});
beforeEach(() => gate.forget());
after(() => Promise.all([gate, idp, swift, frail, single, stranger, ...impostors].map((each) => each?.stop())));

const answer = async (token) => chatText(await chat(gate.openai(token)));
const accepts = async (token) => assert.equal(await answer(token), answerOf("primary"));

/** The tenant that the provider was told, for the only request that it got. */
async function told() {
  const [{ headers }] = await gate.seen();
  return Object.fromEntries(headers)["x-tenant-slug"];
}

/** The word that the gate's log has for what came of that answer's authentication. */
async function reason(error) {
  const id = error.headers.get("x-request-id");
  const line = () => gate.entries().find((entry) => entry.request_id === id);
  return (await until(line, "the request's line")).auth;
}

/** Asked once, raised as the client's own error, and nothing of it at a provider. */
async function refuses(token, why, code = "invalid_token") {
  await gate.forget();
  const counting = counted();
  const client = gate.openai(token, { fetch: counting.fetch });
  const error = await refusal(() => chat(client), OpenAI.AuthenticationError);
  assert.ok(error, "it was let in");
  assert.equal(await reason(error), why);
  assert.equal(error.code, code);
  assert.equal(counting.requests, 1);
  assert.deepEqual(await gate.seen(), []);
}

/** Another provider that names itself as `issuer` does. */
async function impostorOf(issuer) {
  const impostor = await Issuer.start(TENANTS, { as: issuer.url });
  impostors.push(impostor);
  return impostor;
}

for (const tenant of TENANTS) {
  test(`token of ${tenant}'s app is a key of the client, plain and streaming`, async () => {
    const token = await idp.token(tenant);
    await accepts(token);
    assert.equal(await told(), tenant);
    await gate.forget();
    const stream = await chat(gate.openai(token), { stream: true });
    assert.deepEqual(await chatTokens(stream), words(answerOf("primary")));
    assert.equal(await told(), tenant);
  });
}

test("provider is told who calls, and gets nothing of the token", async () => {
  const token = await idp.token("acme");
  await accepts(token);
  const [{ headers, body }] = await gate.seen();
  const sent = Object.fromEntries(headers);
  assert.deepEqual([sent["x-principal-id"], sent["x-auth-method"]], ["acme", "jwt"]);
  assert.ok(!JSON.stringify([headers, body]).includes(token.split(".")[2]));
});

test("ID token is no access token, although it is meant for a listed audience", async () => {
  await refuses(await idp.idToken(CLIENT, { nonce: "n-0S6_WzA2Mj" }), "token_type");
});

/**
 * This provider's ID tokens say in nothing that they are such where the login had no nonce: no `typ`, no `at_hash`. With
 * the client among the audiences, and a tenant that no claim needs to name, only what access tokens must have
 * (RFC 9068, section 2.2) tells them apart.
 */
test("ID token without any sign of its kind is refused for want of what access tokens have", async () => {
  await refuses(await single.idToken(CLIENT), "token_required_claim");
});

test("ID token is refused by its audience, where that is not listed", async () => {
  await refuses(await idp.idToken("globex"), "token_audience");
});

test("token for another audience is refused", async () => {
  await refuses(await idp.token("acme", { api: APIS.other }), "token_audience");
});

test("token of an issuer that is not listed is refused, and its keys are not asked for", async () => {
  await refuses(await stranger.token("acme"), "token_issuer");
  assert.equal(stranger.keyFetches, 0);
});

test("expired token is refused although it was good and is remembered", async () => {
  const token = await idp.token("acme", { api: APIS.briefly });
  await accepts(token);
  const expired = () => refusal(() => answer(token), OpenAI.AuthenticationError);
  assert.equal((await until(expired, "the token's end")).code, "expired_credential");
  await refuses(token, "token_expired", "expired_credential");
});

test("j12: token of a new key works at its first use, for one fetch of the keys", async () => {
  const old = await idp.token("acme");
  await accepts(old);
  const fetched = idp.keyFetches;
  idp.rotate({ overlap: true });
  await accepts(await idp.token("acme"));
  await accepts(old);
  assert.equal(idp.keyFetches, fetched + 1);
  // Promise J13: an unknown key is asked for once in a while, not whenever somebody names one.
  const impostor = await impostorOf(idp);
  for (let number = 0; number < 3; number += 1) await refuses(await impostor.token("acme"), "token_unknown_key");
  assert.equal(idp.keyFetches, fetched + 1);
});

test("j12: token of a key that left the set is refused, remembered or not", async () => {
  const [remembered, unseen] = [await swift.token("acme"), await swift.token("acme")];
  await accepts(remembered);
  swift.rotate();
  const refused = () => refusal(() => answer(remembered), OpenAI.AuthenticationError);
  await until(refused, "the old key's end", REFETCHED_MS);
  await refuses(remembered, "token_unknown_key");
  await refuses(unseen, "token_unknown_key");
  await accepts(await swift.token("acme"));
});

test("r33: known keys verify while the issuer is down, and an unknown one is not known to be wrong", async () => {
  const [remembered, unseen] = [await frail.token("acme"), await frail.token("acme")];
  await accepts(remembered);
  const unknown = await (await impostorOf(frail)).token("acme");
  await refuses(unknown, "token_unknown_key");
  await frail.stop();
  const noticed = () => gate.entries().some((entry) => entry.issuer === frail.url && entry.level === "WARN");
  await until(noticed, "the gate notices", REFETCHED_MS);
  await accepts(remembered);
  await accepts(unseen);
  // Nobody can say whether the issuer has that key: doubt is a 503, and neither a yes nor a no.
  await gate.forget();
  const doubt = await refusal(() => chat(gate.openai(unknown, { maxRetries: 0 })), OpenAI.InternalServerError);
  assert.equal(doubt?.status, 503);
  assert.equal(await reason(doubt), "token_keys_unavailable");
  assert.deepEqual(await gate.seen(), []);
});

test("issuer of one tenant speaks for that tenant, whatever its tokens say", async () => {
  await accepts(await single.token("acme"));
  assert.equal(await told(), "globex");
});

test("token may do what its scopes say", async () => {
  const inquirer = gate.openai(await idp.token("acme", { scope: "llm:models" }));
  assert.ok((await inquirer.models.list()).data.length > 0);
  await gate.forget();
  const forbidden = await refusal(() => chat(inquirer), OpenAI.PermissionDeniedError);
  assert.equal(forbidden?.code, "scope_missing");
  assert.deepEqual(await gate.seen(), []);
  await accepts(await idp.token("acme", { scope: "llm:invoke" }));
});
