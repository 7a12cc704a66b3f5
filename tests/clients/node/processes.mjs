// Processes of the real binary, and waiting for them with deadlines.

import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../../../", import.meta.url));
export const BINARY = process.env.WARDGATE_BIN ?? join(REPOSITORY, "target/debug/wardgate");

// A debug build on a loaded machine starts well within this.
const START_MS = 20_000;
const STOP_MS = 10_000;

/** Asks again and again until `condition` gives something true, which it returns; fails at the deadline. */
export async function until(condition, what, ms = START_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await pause(20);
  }
}

/** One command of the binary that runs until it is told to stop. Its output goes to files in `directory`. */
export class Process {
  constructor(directory, name, args, env = process.env) {
    this.out = join(directory, `${name}.out`);
    this.log = join(directory, `${name}.log`);
    const files = [openSync(this.out, "w"), openSync(this.log, "w")];
    this.child = spawn(BINARY, args, { cwd: directory, env, stdio: ["pipe", ...files] });
    files.forEach(closeSync);
    this.ended = new Promise((resolve) => this.child.once("exit", resolve));
  }

  /** As `until`, and fails at once, with the log, when the process has ended. */
  waitFor(condition, what) {
    return until(() => {
      if (this.hasEnded()) throw new Error(`${what}: the process ended: ${this.text("log")}`);
      return condition();
    }, what);
  }

  text(stream) {
    return readFileSync(this[stream], "utf8");
  }

  hasEnded() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** As a machine that loses power: nothing is said to anybody. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  async stop() {
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
    await this.ended;
    clearTimeout(timer);
    this.child.stdin.destroy();
  }
}

/** A mock provider that accepts `key` alone. */
export class Mock extends Process {
  static async start(directory, name, key) {
    // It ends with its standard input, and so does not outlive a test run that was killed.
    const flags = ["--listen", "127.0.0.1:0", "--print-address", "--exit-with-stdin", "--workers", "1"];
    const mock = new Mock(directory, name, ["mock", "--name", name, "--require-key", key, ...flags]);
    const address = await mock.waitFor(() => mock.text("out").trim(), `the address of ${name}`);
    mock.url = address.startsWith("http") ? address : `http://${address}`;
    return mock;
  }

  /** What arrived, oldest first; headers as pairs with names in lower case. */
  async requests() {
    return (await (await fetch(`${this.url}/_mock/requests`)).json()).requests;
  }

  async forget() {
    await fetch(`${this.url}/_mock/requests`, { method: "DELETE" });
  }

  /** Every request meets these faults (see `wardgate mock --help`) while `body` runs. */
  async failing(faults, body) {
    const set = await fetch(`${this.url}/_mock/faults`, { method: "POST", body: JSON.stringify(faults) });
    if (set.status !== 204) throw new Error(await set.text());
    try {
      return await body();
    } finally {
      await fetch(`${this.url}/_mock/faults`, { method: "DELETE" });
    }
  }
}
