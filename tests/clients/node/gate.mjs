// A gate before two mock providers, with tenants and keys made by the commands that operators use.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

import { BINARY, Mock, Process } from "./processes.mjs";

const run = promisify(execFile);

// Clients give up after this, so that a defect fails a test and does not hang it.
const CALL_MS = 20_000;

// A key or an address in the environment would change what the clients send.
for (const name of Object.keys(process.env)) {
  if (/^(OPENAI|ANTHROPIC)_/.test(name)) delete process.env[name];
}

const BOTH_SPEAK_BOTH = ["openai-primary", "anthropic-primary", "openai-secondary", "anthropic-secondary"];

export class Gate {
  /**
   * Starts everything; the providers are `primary` and `secondary`, `issuers` are those of its `auth.jwt`, and
   * `upstreams` says in order which provider is configured, and with which dialect; with `inOrder` every model has
   * them for its targets in that order, whatever they speak.
   */
  static async start({ issuers = [], upstreams = BOTH_SPEAK_BOTH, inOrder = false } = {}) {
    const gate = new Gate();
    gate.issuers = issuers;
    gate.upstreams = upstreams;
    gate.inOrder = inOrder;
    gate.directory = mkdtempSync(join(tmpdir(), "wardgate-node-"));
    gate.providerKey = `provider-${randomBytes(16).toString("hex")}`;
    gate.env = environment(gate.providerKey);
    gate.primary = await Mock.start(gate.directory, "primary", gate.providerKey);
    gate.secondary = await Mock.start(gate.directory, "secondary", gate.providerKey);
    writeFileSync(join(gate.directory, "signing-secret"), randomBytes(32).toString("hex"));
    writeFileSync(join(gate.directory, "wardgate.yaml"), gate.config());
    gate.serving = new Process(gate.directory, "gate", ["serve", "--config", "wardgate.yaml"], gate.env);
    const address = await gate.serving.waitFor(() => listens(gate.serving.text("log")), "the gate's address");
    gate.url = `http://${address}`;
    const ready = async () => (await fetch(`${gate.url}/health/ready`).catch(() => ({}))).status === 200;
    await gate.serving.waitFor(ready, "the gate is ready");
    return gate;
  }

  async stop() {
    await Promise.all([this.serving, this.primary, this.secondary].map((process) => process.stop()));
    rmSync(this.directory, { recursive: true });
  }

  /** Runs one command beside the gate and returns what it printed. */
  async wardgate(...args) {
    const options = { cwd: this.directory, env: this.env, timeout: 60_000 };
    const { stdout } = await run(BINARY, [...args, "--config", "wardgate.yaml"], options);
    return stdout.trim();
  }

  /** A new tenant with a key. */
  async tenant(slug) {
    const made = JSON.parse(await this.wardgate("tenant", "create", "--name", slug, "--slug", slug, "--json"));
    return { id: made.id, slug, key: await this.wardgate("key", "create", "--tenant", slug) };
  }

  /** An unmodified OpenAI client: nothing but its address is changed. */
  openai(apiKey, options = {}) {
    return new OpenAI({ apiKey, baseURL: `${this.url}/v1`, timeout: CALL_MS, ...options });
  }

  /** An unmodified Anthropic client: nothing but its address is changed. */
  anthropic(apiKey, options = {}) {
    return new Anthropic({ apiKey, baseURL: this.url, timeout: CALL_MS, ...options });
  }

  /** Every request that a provider received since `forget`. */
  async seen() {
    return [...(await this.primary.requests()), ...(await this.secondary.requests())];
  }

  async forget() {
    await Promise.all([this.primary.forget(), this.secondary.forget()]);
  }

  /** What the gate wrote to its log, a line each. */
  entries() {
    return entries(this.serving.text("log"));
  }

  config() {
    const upstream = (name) => {
      const [dialect, provider] = name.split("-");
      return { name, dialect, url: this[provider].url, api_key: { env: "PROVIDER_KEY" } };
    };
    // JSON is YAML.
    return JSON.stringify({
      server: { listen: "127.0.0.1:0", workers: 1, drain_delay: "0s", drain_timeout: "1s" },
      admin: { listen: "127.0.0.1:0" },
      store: { url: "sqlite:gate.db" },
      auth: { jwt: { secrets: [{ file: "signing-secret" }], issuers: this.issuers } },
      upstreams: this.upstreams.map(upstream),
      models: this.inOrder ? [{ name: "*", targets: this.upstreams.map((name) => ({ upstream: name })) }] : [],
      // One test's faults must not be the next one's.
      failover: { breaker: { failures: 100_000, failure_ratio: 1, requests_min: 100_000 } },
      telemetry: { format: "json", level: "info" },
    });
  }
}

function environment(providerKey) {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith("WARDGATE"));
  return { ...Object.fromEntries(others), PROVIDER_KEY: providerKey };
}

/** The port is the system's choice; the gate tells it in its first log line. */
function listens(log) {
  return entries(log).find((entry) => entry.message?.includes("wardgate listens"))?.address;
}

function entries(log) {
  const lines = log.split("\n").filter((line) => line.startsWith("{") && line.endsWith("}"));
  return lines.map((line) => JSON.parse(line));
}
