import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { exportSPKI, generateKeyPair } from "jose";
import { describe, expect, it } from "vitest";
import type { BundleAlgorithm } from "../../shared/contracts/config/bundles.ts";
import { TenantId } from "../../shared/contracts/ids.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { decideLayer } from "../decide/decide-layer.ts";
import { fromJson, toJsonText } from "../engine/json.ts";
import { pack, sign, textIn, unpack } from "./archive.fixture.ts";
import { SIGNATURES } from "./layout.ts";
import { type BundleKey, type BundleTrust, openBundle } from "./open-bundle.ts";

const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));
const bundle = (name: string) => new Uint8Array(fixture(`${name}.tar.gz`));
const publicKey = (algorithm: BundleAlgorithm): BundleKey => ({
  id: `test-${algorithm}`,
  algorithm,
  key: fixture(`test-key-${algorithm}.pub.pem`).toString(),
});
const SECRET = utf8("a test secret of thirty-two bytes");
const OPA_KEYS = [
  ...(["RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"] as const).map(publicKey),
  { id: "test-HS256", algorithm: "HS256" as const, key: SECRET },
];
const TENANT = TenantId.parse("t1");
const trust = (more: Partial<BundleTrust> = {}): BundleTrust => ({
  keys: OPA_KEYS,
  layer: "tenant",
  tenant: TENANT,
  ...more,
});
const refusal = async (archive: Uint8Array, more: Partial<BundleTrust> = {}) => {
  const opened = await openBundle(archive, trust(more));
  return opened.ok ? "opened" : opened.error;
};

describe("bundles that the real opa built and signed", () => {
  it.each(OPA_KEYS)("opens one signed with $algorithm", async ({ id, algorithm }) => {
    const archive = bundle(`tenant-${algorithm}`);
    const opened = await openBundle(archive, trust());
    if (!opened.ok) throw new Error(JSON.stringify(opened.error));
    const { plan, data, ...rest } = opened.value;
    expect(rest).toEqual({
      ref: { revision: 3, digest: `sha256:${sha256Hex(archive)}` },
      contract: "1.0.0",
      signed_by: id,
      expires_s: null,
      roots: ["bailiwick", "limits"],
      sources: ["source/decision.rego"].map((path) => expect.stringContaining(path.slice(7))),
    });
    const input = fromJson({ action: "chat:create" });
    if (!input.ok) throw new Error("unreachable");
    expect(decideLayer({ plan, data }, input.value, 0n).answer).toEqual({
      decision: "ALLOW",
      reasons: ["listed"],
      obligations: [],
    });
    expect(toJsonText(data)).toContain('"numbers":[1.50,1e5,-0,12345678901234567890123.25,0.1E-7]');
  });

  it("opens the cell's for the cell alone, so that no tenant's policy governs the cell", async () => {
    expect(await refusal(bundle("cell-RS256"), { layer: "cell", tenant: null })).toBe("opened");
    expect(await refusal(bundle("cell-RS256"))).toEqual({ reason: "layer_mismatch" });
    expect(await refusal(bundle("tenant-RS256"), { layer: "cell", tenant: null })).toEqual({
      reason: "layer_mismatch",
    });
  });

  it("is not opened for another tenant, so that a bundle that leaks governs nobody else", async () => {
    expect(await refusal(bundle("tenant-RS256"), { tenant: TenantId.parse("t2") })).toEqual({
      reason: "tenant_mismatch",
    });
    expect(await refusal(bundle("tenant-RS256"), { tenant: null })).toEqual({ reason: "tenant_mismatch" });
  });
});

describe("keys", () => {
  const only = (key: Partial<BundleKey>) => ({ keys: [{ ...publicKey("RS256"), ...key }] });

  it("takes a key by its id and trusts no other, whatever it could verify", async () => {
    expect(await refusal(bundle("tenant-RS256"), only({ id: "other" }))).toEqual({
      reason: "key_unknown",
      key: "test-RS256",
    });
    expect(await refusal(bundle("tenant-RS256"), { keys: [] })).toEqual({ reason: "key_unknown", key: "test-RS256" });
    const twice = [publicKey("RS256"), publicKey("RS256")];
    expect(await refusal(bundle("tenant-RS256"), { keys: twice })).toEqual({
      reason: "key_unknown",
      key: "test-RS256",
    });
  });

  it("refuses what another key signed under the trusted key's id", async () => {
    const { key } = publicKey("PS384");
    expect(await refusal(bundle("tenant-RS256"), only({ key }))).toEqual({
      reason: "signature_invalid",
      key: "test-RS256",
    });
  });

  it("never takes the algorithm from the signature, so that a public key is never used as a secret", async () => {
    expect(await refusal(bundle("tenant-RS256"), only({ algorithm: "RS512" }))).toEqual({
      reason: "algorithm_mismatch",
      key: "test-RS256",
    });
    const files = await unpack(bundle("tenant-RS256"));
    const pem = publicKey("RS256").key;
    const claims = { keyid: "test-RS256", tenant: "t1", revision: 3, contract: "1.0.0" };
    await sign(files, claims, { alg: "HS256", key: utf8(String(pem)) });
    expect(await refusal(await pack(files))).toEqual({ reason: "algorithm_mismatch", key: "test-RS256" });
    expect(await refusal(await pack(files), only({ algorithm: "HS256" }))).toEqual({
      reason: "key_unusable",
      key: "test-RS256",
    });
  });

  it("refuses a signature that says it has none", async () => {
    const files = await unpack(bundle("tenant-RS256"));
    const token: string = JSON.parse(textIn(files, SIGNATURES)).signatures[0];
    const [, payload] = token.split(".");
    for (const alg of ["none", "None", ""]) {
      const unsigned = `${encodeBase64url(utf8(JSON.stringify({ alg })))}.${payload}.`;
      files.set(SIGNATURES, JSON.stringify({ signatures: [unsigned] }));
      expect(await refusal(await pack(files))).toEqual({ reason: "algorithm_mismatch", key: "test-RS256" });
    }
  });

  it.each<[string, Partial<BundleKey>]>([
    ["is no key", { key: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----" }],
    ["is no text that holds one", { key: "" }],
    ["is for another family", { key: publicKey("ES256").key }],
    ["is a secret", { key: SECRET }],
    ["is a symmetric JWK", { key: { kty: "oct", k: encodeBase64url(SECRET) } }],
  ])("refuses a trusted key that %s", async (_, key) => {
    expect(await refusal(bundle("tenant-RS256"), only(key))).toEqual({ reason: "key_unusable", key: "test-RS256" });
  });

  it("refuses a secret that is shorter than its hash", async () => {
    const keys: BundleKey[] = [{ id: "test-HS256", algorithm: "HS256", key: SECRET.slice(0, 31) }];
    expect(await refusal(bundle("tenant-HS256"), { keys })).toEqual({ reason: "key_unusable", key: "test-HS256" });
  });
});

it("takes RSA keys in both PEM forms", async () => {
  const pkcs1 = createPublicKey(String(publicKey("RS256").key))
    .export({ type: "pkcs1", format: "pem" })
    .toString();
  expect(pkcs1).toContain("BEGIN RSA PUBLIC KEY");
  expect(await refusal(bundle("tenant-RS256"), { keys: [{ ...publicKey("RS256"), key: pkcs1 }] })).toBe("opened");
  const { publicKey: other } = await generateKeyPair("RS256");
  const foreign = createPublicKey(await exportSPKI(other))
    .export({ type: "pkcs1", format: "pem" })
    .toString();
  expect(await refusal(bundle("tenant-RS256"), { keys: [{ ...publicKey("RS256"), key: foreign }] })).toEqual({
    reason: "signature_invalid",
    key: "test-RS256",
  });
});
