// A real identity provider in this process: npm's `oidc-provider`, on a port of its own.
//
// Each tenant has an app there, that fetches its tokens with the client credentials grant.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

import Provider from "oidc-provider";

const LASTING_S = 600;

/** What an app may ask a token for. An audience is told by its address. */
export const APIS = {
  gate: { resource: "https://gate.example/", audience: "wardgate", accessTokenTTL: LASTING_S },
  briefly: { resource: "https://gate.example/briefly", audience: "wardgate", accessTokenTTL: 2 },
  other: { resource: "https://other.example/", audience: "other", accessTokenTTL: LASTING_S },
};

const secret = () => randomBytes(16).toString("hex");

export class Issuer {
  /** An issuer with an app for each tenant. `as` makes it lie: its tokens name that issuer, and have its own keys. */
  static async start(tenants, { as } = {}) {
    const issuer = new Issuer();
    issuer.server = createServer((request, response) => issuer.answer(request, response));
    issuer.server.listen(0, "127.0.0.1");
    await once(issuer.server, "listening");
    issuer.address = `http://127.0.0.1:${issuer.server.address().port}`;
    issuer.url = as ?? issuer.address;
    issuer.secrets = Object.fromEntries(tenants.map((tenant) => [tenant, secret()]));
    issuer.keyFetches = 0;
    issuer.keys = [];
    issuer.rotate();
    return issuer;
  }

  /** Signs with a new key from now on. The old ones stay in the key set with `overlap`, and are gone without. */
  rotate({ overlap = false } = {}) {
    this.keys = [signingKey(), ...(overlap ? this.keys : [])];
    this.provider = new Provider(this.url, configuration(this.keys, this.secrets));
    this.respond = this.provider.callback();
  }

  /** An access token by the client credentials grant. */
  async token(tenant, { api = APIS.gate, scope } = {}) {
    const asked = { grant_type: "client_credentials", resource: api.resource, ...(scope && { scope }) };
    return (await this.grant(tenant, asked)).access_token;
  }

  /** The ID token that a tenant's app gets for a user, with the `nonce` of the login where that had one. */
  async idToken(tenant, { nonce } = {}) {
    // The login needs a browser. What it leaves behind is put in its place, and the rest is the provider's.
    const { Client, Grant, RefreshToken } = this.provider;
    const login = new Grant({ clientId: tenant, accountId: "ann" });
    login.addOIDCScope("openid");
    const refresh = new RefreshToken({
      client: await Client.find(tenant),
      accountId: "ann",
      grantId: await login.save(),
      gty: "authorization_code",
      scope: "openid",
      nonce,
    });
    return (await this.grant(tenant, { grant_type: "refresh_token", refresh_token: await refresh.save() })).id_token;
  }

  async grant(tenant, asked) {
    const authorization = `Basic ${btoa(`${tenant}:${this.secrets[tenant]}`)}`;
    const body = new URLSearchParams(asked);
    const response = await fetch(`${this.address}/token`, { method: "POST", headers: { authorization }, body });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  }

  answer(request, response) {
    if (request.url === "/jwks") this.keyFetches += 1;
    this.respond(request, response);
  }

  /** Nobody listens any more. */
  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

function signingKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: secret(), use: "sig", alg: "RS256" };
}

const app = ([tenant, client_secret]) => ({
  client_id: tenant,
  client_secret,
  tenant_slug: tenant,
  grant_types: ["client_credentials", "authorization_code", "refresh_token"],
  redirect_uris: ["https://app.example/"],
});

function configuration(keys, secrets) {
  return {
    jwks: { keys },
    clients: Object.entries(secrets).map(app),
    cookies: { keys: [secret()] },
    extraClientMetadata: { properties: ["tenant_slug"] },
    extraTokenClaims: ({ oidc }) => ({ tenant_slug: oidc.client.tenant_slug }),
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    ttl: {
      AccessToken: LASTING_S,
      ClientCredentials: (_, token) => token.resourceServer.accessTokenTTL,
      Grant: LASTING_S,
      IdToken: LASTING_S,
      RefreshToken: LASTING_S,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: (_, resource) => ({
          ...Object.values(APIS).find((api) => api.resource === resource),
          scope: "llm:invoke llm:models",
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  };
}
