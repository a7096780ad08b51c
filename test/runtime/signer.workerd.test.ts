import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { formatKeyDocument } from "../../functions/adapters/signer/key-document.ts";
import { keySetSigner } from "../../functions/adapters/signer/key-set.ts";
import { newPair } from "../../functions/adapters/signer/new-pair.ts";
import { bundleWorker } from "../../infra/local/workerd-config.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { encodeBase64 } from "../../shared/crypto/log/base64.ts";
import { formatStatement } from "../../shared/crypto/log/statement.ts";
import { freePort } from "../support/free-port.ts";
import { workerdBinary } from "../support/workerd-cell.ts";

const clock = { now: () => Date.now() as UnixMs }; // safe because: the wall clock
const pairs = [newPair(0 as UnixMs)]; // safe because: a time in ms
const local = keySetSigner({ pairs: () => pairs, clock });
const checkpoint = { origin: "cell.example.com/default", size: 3, root: encodeBase64(new Uint8Array(32).fill(5)) };
const statement = new TextDecoder().decode(
  formatStatement({
    subject: [{ name: "cell.example.com/default#0", digest: { sha256: "00".repeat(32) } }],
    predicateType: "https://bailiwick.example.com/evidence/task/v1",
    predicate: {},
  }),
);

const config = (port: number) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "signer", worker = .signer),
    (name = "unset", worker = .unset),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "main.js", esModule = embed "main.js")],
  compatibilityDate = "2026-11-01",
  bindings = [
    (name = "SIGNER", service = (name = "signer", entrypoint = "Signer")),
    (name = "UNSET", service = (name = "unset", entrypoint = "Signer")),
    (name = "FACE", service = "signer"),
  ],
);
const signer :Workerd.Worker = (
  modules = [(name = "signer.js", esModule = embed "signer.js")],
  compatibilityDate = "2026-11-01",
  bindings = [(name = "BAILIWICK_SIGNING_KEYS", text = ${JSON.stringify(formatKeyDocument(pairs).trimEnd())})],
);
const unset :Workerd.Worker = (
  modules = [(name = "signer.js", esModule = embed "signer.js")],
  compatibilityDate = "2026-11-01",
);`;

const folder = mkdtempSync(join(tmpdir(), "bailiwick-signer-"));
let workerd: ChildProcess;
let output = "";
let url = "";

beforeAll(async () => {
  await bundleWorker("test/runtime/signer-worker.ts", join(folder, "main.js"));
  await bundleWorker("functions/entry/signer.ts", join(folder, "signer.js"));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  writeFileSync(join(folder, "config.capnp"), config(port));
  workerd = spawn(workerdBinary(), ["serve", join(folder, "config.capnp")], { stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [workerd.stdout, workerd.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch (error) {
      if (Date.now() > deadline || workerd.exitCode !== null) throw new Error(output, { cause: error });
      await new Promise((tick) => setTimeout(tick, 20));
    }
  }
}, 30_000);
afterAll(async () => {
  const ended = new Promise((done) => workerd.once("exit", done));
  workerd.kill("SIGKILL");
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

const ask = async (path: string, body?: string) =>
  (await fetch(`${url}${path}`, body === undefined ? {} : { method: "POST", body })).json();

it("signs on workerd over the service binding, byte for byte as the embedded cell would", async () => {
  expect(await ask("/keys")).toEqual({ value: await local.keys() });
  expect(await ask("/checkpoint", JSON.stringify(checkpoint))).toEqual({
    value: await local.signCheckpoint(checkpoint),
  });
  expect(await ask("/statement", statement)).toEqual({ value: await local.signStatement(statement) });
});

it("keeps the class of its refusals across the binding, so that what can never be signed is not tried for ever", async () => {
  expect(await ask("/statement", "{}")).toMatchObject({ refused: "SigningRefused" });
  expect(await ask("/unset/keys")).toEqual({
    refused: "SignerUnavailable",
    message: "SignerUnavailable: BAILIWICK_SIGNING_KEYS is not set",
  });
});

it.each([
  { path: "/" },
  { path: "/.well-known/bailiwick-keys.json" },
  { path: "/keys" },
  { path: "/signCheckpoint", method: "POST", body: JSON.stringify(checkpoint) },
  { path: "/", method: "POST", body: statement, headers: { "content-type": "application/json" } },
  { path: "/", headers: { upgrade: "websocket", connection: "upgrade" } },
])("answers nothing but an empty 404 to HTTP: %j, so that no route made by mistake can sign", async (request) => {
  expect(await ask("/face", JSON.stringify({ headers: {}, ...request }))).toEqual({ status: 404, body: "" });
});

it("says no seed in any answer or log", async () => {
  const seen = output + JSON.stringify([await ask("/keys"), await ask("/statement", statement)]);
  for (const { ed25519Seed, mlDsa65Seed } of pairs)
    for (const seed of [ed25519Seed, mlDsa65Seed]) expect(seen).not.toContain(encodeBase64url(seed));
});
