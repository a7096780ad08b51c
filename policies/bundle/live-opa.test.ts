import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { TenantId } from "../../shared/contracts/ids.ts";
import { pack, unpack } from "./archive.fixture.ts";
import { SIGNATURES } from "./layout.ts";
import { type BundleKey, openBundle } from "./open-bundle.ts";

const OPA = process.env.OPA ?? "opa";
const opa = (...args: string[]) => spawnSync(OPA, args, { encoding: "utf8", timeout: 60_000 });
const hasOpa = opa("version").status === 0;
if (!hasOpa) console.log("live opa: skipped, because there is no opa on PATH and the variable OPA names none");

const folder = mkdtempSync(join(tmpdir(), "bundle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const TENANT = TenantId.parse("t1");

function write(revision: number): { key: BundleKey; private: string } {
  cpSync(fileURLToPath(new URL("./fixtures/source", import.meta.url)), at("source"), { recursive: true });
  writeFileSync(at("source/.manifest"), JSON.stringify({ revision: String(revision), roots: ["bailiwick", "limits"] }));
  writeFileSync(at("claims.json"), JSON.stringify({ keyid: "live", tenant: TENANT, revision, contract: "1.0.0" }));
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(at("key.pem"), pair.privateKey.export({ type: "pkcs8", format: "pem" }));
  const key = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
  return { key: { id: "live", algorithm: "ES256", key }, private: at("key.pem") };
}

it.skipIf(!hasOpa)("opens what opa builds and signs in one step", async () => {
  const { key, private: signing } = write(7);
  const signed = ["--signing-alg", "ES256", "--signing-key", signing, "--claims-file", at("claims.json")];
  const built = opa(
    "build",
    "-t",
    "plan",
    "-e",
    "bailiwick/decision",
    "-b",
    at("source"),
    ...signed,
    "-o",
    at("a.tar.gz"),
  );
  expect(built.stderr).toBe("");
  const opened = await openBundle(readFileSync(at("a.tar.gz")), { keys: [key], layer: "tenant", tenant: TENANT });
  expect(opened).toMatchObject({ ok: true, value: { ref: { revision: 7 }, signed_by: "live" } });
});

it.skipIf(!hasOpa)("opens what opa built first and signed later", async () => {
  const { key, private: signing } = write(8);
  expect(opa("build", "-t", "plan", "-e", "bailiwick/decision", "-b", at("source"), "-o", at("b.tar.gz")).stderr).toBe(
    "",
  );
  const unsigned = readFileSync(at("b.tar.gz"));
  const trust = { keys: [key], layer: "tenant" as const, tenant: TENANT };
  expect(await openBundle(unsigned, trust)).toEqual({ ok: false, error: { reason: "signature_missing" } });
  const claims = ["--claims-file", at("claims.json"), "--signing-alg", "ES256", "--signing-key", signing];
  const signed = opa("sign", "--bundle", at("b.tar.gz"), ...claims, "-o", folder);
  expect(signed.stderr).toBe("");
  const files = await unpack(unsigned);
  files.set(SIGNATURES, readFileSync(at(SIGNATURES)));
  expect(await openBundle(await pack(files), trust)).toMatchObject({ ok: true, value: { ref: { revision: 8 } } });
});
