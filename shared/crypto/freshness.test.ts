import { describe, expect, it } from "vitest";
import { FreshnessStatement } from "../contracts/policy/freshness.ts";
import { freshnessKey, signFreshness, verifyFreshness } from "./freshness.ts";

const statement = FreshnessStatement.parse({
  schema_version: 1,
  cell: "local",
  tenant: "a",
  version: 3,
  active: { revision: 2, digest: `sha256:${"0".repeat(64)}` },
  canary: null,
  issued_ms: 1_795_000_000_000,
  expires_ms: 1_795_000_900_000,
});
const root = new Uint8Array(32).fill(7);
const key = freshnessKey(root);
const text = signFreshness(key, statement);

describe("a freshness statement", () => {
  it("reads back as it was signed, under any key still in force", () => {
    const newer = freshnessKey(new Uint8Array(32).fill(8));
    expect(verifyFreshness([newer, key], text)).toEqual(statement);
  });

  it("is nothing under another key, so that nobody else can state what is in force", () => {
    expect(verifyFreshness([freshnessKey(new Uint8Array(32).fill(8))], text)).toBeNull();
    expect(verifyFreshness([root], text)).toBeNull();
    expect(verifyFreshness([], text)).toBeNull();
  });

  it("is nothing once a single character was changed, or its signature left out", () => {
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
      expect(verifyFreshness([key], changed), `character ${at}`).toBeNull();
    }
    const [payload = ""] = text.split(".");
    for (const stripped of [payload, `${payload}.`, `${payload}..`, `${text}.x`, "", "."])
      expect(verifyFreshness([key], stripped), stripped).toBeNull();
  });
});
