import { describe, expect, it } from "vitest";
import { describeProblem } from "../../shared/contracts/config/problem.ts";
import type { Snapshot } from "../../shared/contracts/config/snapshot.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { compileSnapshot } from "./compile.ts";

const PEM =
  "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
const JWK = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
const KEY = { id: "ops", algorithm: "EdDSA", public_key: JWK };

const compile = (files: JsonObject, present = true) =>
  compileSnapshot(files, { id: "eu1", jurisdiction: "eu" }, () => present);
function good(files: JsonObject, present = true): Snapshot {
  const compiled = compile(files, present);
  if (!compiled.ok) throw new Error(compiled.error.map(describeProblem).join("\n"));
  return compiled.value;
}
const problems = (files: JsonObject): string[] => {
  const compiled = compile(files);
  return compiled.ok ? [] : compiled.error.map(describeProblem);
};
const bundles = (members: JsonObject): JsonObject => ({ "policies.yml": { bundles: members } });
const tenant = (members: JsonObject): JsonObject => ({ "tenants.yml": { tenants: { a: members } } });

describe("keys of policy bundles", () => {
  it("are kept as they were written, for the cell and for a tenant alone", () => {
    const snapshot = good({
      ...bundles({ keys: [KEY], pull: { url: "https://bundles.example.com/cell.tar.gz" } }),
      ...tenant({ bundle_keys: [{ id: "own", algorithm: "ES256", public_key: PEM }] }),
    });
    expect(snapshot.policies.bundles).toEqual({
      keys: [{ id: "ops", algorithm: "EdDSA", public_key: JWK, secret: null }],
      pull: { url: "https://bundles.example.com/cell.tar.gz", interval_s: 300 },
    });
    expect(snapshot.tenants.a?.bundles?.keys.map(({ id }) => id)).toEqual(["own"]);
  });

  it("are none unless somebody wrote them, so that nothing verifies by default", () => {
    expect(good({}).policies.bundles).toEqual({ keys: [], pull: null });
    expect(good({}).tenants.default?.bundles).toEqual({ keys: [], pull: null });
  });

  it("never hold a private key or a written secret, so that the configuration gives nobody a signature", () => {
    const pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n";
    expect(problems(bundles({ keys: [{ ...KEY, public_key: pem }] })).join("\n")).toContain("keys[0].public_key");
    expect(problems(bundles({ keys: [{ ...KEY, public_key: { ...JWK, d: "AAAA" } }] })).join("\n")).toContain(
      "d: is not known",
    );
    expect(problems(bundles({ keys: [{ id: "x", algorithm: "HS256", secret: "letmein" }] })).join("\n")).toContain(
      "a secret is named",
    );
  });

  it("have the material of their algorithm and no other, so that a public key is never taken for a shared secret", () => {
    expect(problems(bundles({ keys: [{ id: "x", algorithm: "HS256", public_key: PEM }] })).join("\n")).toContain(
      "HS256 has a `secret`",
    );
    expect(problems(bundles({ keys: [{ id: "x", algorithm: "RS256", secret: "env:K" }] })).join("\n")).toContain(
      "RS256 has a `public_key`",
    );
    expect(problems(bundles({ keys: [KEY, KEY] })).join("\n")).toContain("ops is there twice");
    expect(problems(bundles({ keys: [{ ...KEY, algorithm: "none" }] }))).toHaveLength(1);
  });

  it("warn while their secret is missing", () => {
    const files = bundles({ keys: [{ id: "x", algorithm: "HS256", secret: "env:BUNDLE_SECRET" }] });
    expect(good(files, false).warnings.join("\n")).toContain("env:BUNDLE_SECRET is missing");
    expect(good(files).warnings).toEqual([]);
  });

  it("are needed to fetch bundles, and those are fetched over https or from the cell's own policies only", () => {
    expect(problems(bundles({ pull: { url: "https://bundles.example.com/x" } })).join("\n")).toContain("no key could");
    expect(problems(bundles({ keys: [KEY], pull: { url: "object:policies/cell.tar.gz" } }))).toEqual([]);
    for (const url of ["object:ledger/default/checkpoint", "object:policies/../ledger/x", "object:policies/"])
      expect(problems(bundles({ keys: [KEY], pull: { url } })).join("\n"), url).toContain("object:policies/<key>");
    for (const url of ["http://bundles.example.com/x", "https://me:secret@bundles.example.com/x", "file:///etc/x"])
      expect(problems(bundles({ keys: [KEY], pull: { url } })).join("\n"), url).toContain("an https URL");
  });
});

describe("labels", () => {
  const LABELS = {
    classification: "confidential",
    markings: ["REL-EU", "REL-EU"],
    purposes: { allowed: ["support", "research"], default: "support" },
  };

  it("are kept for tenants and intents, and unknown where nobody wrote them", () => {
    const intent = { candidates: ["local"], privacy: "local-only", tiers_allowed: ["tier0"], ...LABELS };
    const snapshot = good({ ...tenant(LABELS), "intents.yml": { ocr: intent } });
    const expected = { ...LABELS, markings: ["REL-EU"] };
    expect([snapshot.tenants.a?.labels, snapshot.intents.ocr?.labels]).toEqual([expected, expected]);
    expect(good({}).tenants.default?.labels).toEqual({ classification: null, markings: [], purposes: null });
  });

  it("have one of four classifications, markings that fit a header and a default that is allowed", () => {
    expect(problems(tenant({ classification: "secret" })).join("\n")).toContain("tenants.a.classification");
    expect(problems(tenant({ markings: ["a,b"] })).join("\n")).toContain("a marking");
    expect(problems(tenant({ purposes: { allowed: ["support"], default: "research" } })).join("\n")).toContain(
      "research is not among the allowed",
    );
  });
});
