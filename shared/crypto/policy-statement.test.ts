import { describe, expect, it } from "vitest";
import { TenantId } from "../contracts/ids.ts";
import { LIMITS } from "../contracts/limits.ts";
import type { FreshnessStatement } from "../contracts/policy/freshness.ts";
import { encodeBase64url } from "./base64url.ts";
import { signStatement, statementKey, statementSigner, verifyStatement } from "./policy-statement.ts";
import { utf8 } from "./utf8.ts";

const NOW = 1_795_000_000_000;
const [older, newer, foreign] = [1, 2, 3].map((byte) => statementKey(new Uint8Array(32).fill(byte)));
const tenant = TenantId.parse("acme");
const digest = (of: string) => `sha256:${of.repeat(64)}`;
const stated: FreshnessStatement = {
  schema_version: 1,
  cell: "eu1",
  tenant,
  version: 7,
  active: { revision: 3, digest: digest("a") },
  canary: { bundle: { revision: 4, digest: digest("b") }, percent: 5 },
  issued_ms: NOW,
  expires_ms: NOW + LIMITS.policyStatementMsMax,
};
const key = newer ?? new Uint8Array();
const here = { cell: "eu1", tenant, nowMs: NOW };
const reasonOf = (text: string, at = here, keys = [key]) => {
  const verified = verifyStatement(text, keys, at);
  return verified.ok ? "in force" : verified.error.reason;
};

describe("a freshness statement", () => {
  it("says what was signed, under the newest key or one that is being retired", () => {
    const text = signStatement(stated, key);
    expect(verifyStatement(text, [key, older ?? key], here)).toEqual({ ok: true, value: stated });
    expect(verifyStatement(signStatement(stated, older ?? key), [key, older ?? key], here)).toMatchObject({ ok: true });
  });

  it("is nobody else's to sign, so that a stranger cannot bring an old policy back", () => {
    expect(reasonOf(signStatement(stated, foreign ?? key))).toBe("signature");
    expect(reasonOf(signStatement(stated, key), here, [])).toBe("signature");
    const root = new Uint8Array(32).fill(2);
    expect(reasonOf(signStatement(stated, root))).toBe("signature");
  });

  it("means nothing once a single character of it was changed", () => {
    const text = signStatement(stated, key);
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === "A" ? "B" : "A";
      expect(reasonOf(text.slice(0, at) + other + text.slice(at + 1)), `character ${at}`).not.toBe("in force");
    }
    for (const broken of ["", ".", "a.b", text.slice(1), `${text}.`, `${text}.x`, text.replace(".", "")])
      expect(["malformed", "signature"]).toContain(reasonOf(broken));
    expect(reasonOf(`${"A".repeat(LIMITS.policyStatementCharsMax)}.AAAA`)).toBe("malformed");
  });

  it("is of one cell and one layer, so that a tenant's statement is no other's and never the cell's", () => {
    const text = signStatement(stated, key);
    expect(reasonOf(text, { ...here, tenant: TenantId.parse("other") })).toBe("foreign");
    expect(verifyStatement(text, [key], { ...here, tenant: null })).toMatchObject({ error: { reason: "foreign" } });
    expect(reasonOf(text, { ...here, cell: "us1" })).toBe("foreign");
    const cells = signStatement({ ...stated, tenant: null }, key);
    expect(verifyStatement(cells, [key], { ...here, tenant: null })).toMatchObject({ ok: true });
    expect(reasonOf(cells)).toBe("foreign");
  });

  it("ends by itself, so that an edge that hears nothing stops deciding", () => {
    const text = signStatement(stated, key);
    const atMs = (nowMs: number) => reasonOf(text, { ...here, nowMs });
    expect(atMs(stated.expires_ms - 1)).toBe("in force");
    expect(atMs(stated.expires_ms)).toBe("expired");
    expect(atMs(NOW - LIMITS.clockSkewS * 1000)).toBe("in force");
    expect(atMs(NOW - LIMITS.clockSkewS * 1000 - 1)).toBe("expired");
    const long = { ...stated, expires_ms: stated.expires_ms + 1 };
    expect(reasonOf(signStatement(long, key))).toBe("expired");
  });

  it("is refused when signed bytes are none of the known shape, so that newer code is not half understood", () => {
    // safe because: the test signs what the type forbids
    const odd = { ...stated, schema_version: 2 } as unknown as FreshnessStatement;
    expect(reasonOf(signStatement(odd, key))).toBe("malformed");
    const extra = { ...stated, pinned: true } as FreshnessStatement;
    expect(reasonOf(signStatement(extra, key))).toBe("malformed");
    expect(reasonOf(`${encodeBase64url(utf8("[]"))}.${encodeBase64url(new Uint8Array(32))}`)).toBe("signature");
  });

  it("is good for a quarter of an hour from the moment that its object was asked", () => {
    const sign = statementSigner("eu1", key);
    const text = sign({ tenant, version: 1, active: null, canary: null }, NOW);
    expect(verifyStatement(text, [key], here)).toEqual({
      ok: true,
      value: { ...stated, version: 1, active: null, canary: null },
    });
  });
});
