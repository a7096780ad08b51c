import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startWorkerd, type WorkerdProcess } from "../support/workerd-process.ts";

const file = (name: string) => readFileSync(new URL(`../../policies/bundle/fixtures/${name}`, import.meta.url));
let workerd: WorkerdProcess;

beforeAll(async () => {
  const entry = fileURLToPath(new URL("./bundle-worker.ts", import.meta.url));
  workerd = await startWorkerd({ entry, objects: {} });
}, 60_000);
afterAll(async () => workerd.stop());

async function open(archive: Uint8Array<ArrayBuffer>, algorithm: string): Promise<unknown> {
  const key = file(`test-key-${algorithm}.pub.pem`).toString("base64");
  const headers = { "x-algorithm": algorithm, "x-key": key };
  return (await fetch(workerd.url, { method: "POST", body: archive, headers })).json();
}
const fixture = (algorithm: string) => Uint8Array.from(file(`tenant-${algorithm}.tar.gz`));

it.each(["RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"])(
  "opens on workerd what opa signed with %s, so that no edge is left without its policy",
  async (algorithm) => {
    expect(await open(fixture(algorithm), algorithm)).toMatchObject({ ref: { revision: 3 } });
  },
);

it("refuses on workerd what is changed, cut off or no archive", async () => {
  const changed = gzipSync(Buffer.from("no tar"));
  expect(await open(Uint8Array.from(changed), "RS256")).toMatchObject({ reason: "archive_malformed" });
  expect(await open(fixture("RS256").slice(0, 900), "RS256")).toEqual({ reason: "not_gzip" });
  expect(await open(new Uint8Array(9), "RS256")).toEqual({ reason: "not_gzip" });
  expect(await open(fixture("ES256"), "RS256")).toEqual({ reason: "key_unknown", key: "test-ES256" });
});

it("stops inflating a bomb on workerd, so that one upload never takes an isolate's memory", async () => {
  // 256 MiB of zeros; an isolate has 128 MB. Made beside the event loop: a kept connection that ends meanwhile must be noticed.
  const bomb = Uint8Array.from(await promisify(gzip)(Buffer.alloc(256 * 1024 * 1024)));
  expect(await open(bomb, "RS256")).toEqual({ reason: "too_large", limit: "inflated_bytes" });
  expect(await open(fixture("RS256"), "RS256")).toMatchObject({ ref: { revision: 3 } });
});
