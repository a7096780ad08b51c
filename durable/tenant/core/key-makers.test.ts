import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Change, KeyView } from "../../../shared/contracts/ports/tenant-store.ts";
import { expectInvariants, openTenant } from "../../../test/support/tenant-core.ts";
import { access, attribution, kidOf, newKey } from "../../../test/support/tenant-fixtures.ts";
import { migrate } from "../../runtime/migrate.ts";
import { createKey, listKeys, rotateKey } from "../core.ts";
import { TENANT_MIGRATIONS } from "../migrations.ts";

type Tenant = ReturnType<typeof openTenant>;
const by = (subject: string, credential = `oidc:${subject}`): Change => ({
  access: access(),
  by: attribution({ subject, credential }),
});
const withKey = (subject: string, n: number): Change => by(subject, `key:${kidOf(n)}`);

function made(t: Tenant, n: number, change: Change, subject = `person-${n}`): KeyView {
  const key = createKey(t.sql, t.env, change, newKey({ kid: kidOf(n), subject }));
  if (!key.ok) throw new Error(key.error.reason);
  return key.value;
}
function rotated(t: Tenant, from: number, to: number, change: Change): KeyView {
  const successor = { kid: kidOf(to), digest: "cd".repeat(32), overlap_ms: 0 };
  const key = rotateKey(t.sql, t.env, change, kidOf(from), successor);
  if (!key.ok) throw new Error(key.error.reason);
  return key.value;
}

describe("the makers of a key", () => {
  it("are everybody up to the first, so that a key made by a key that somebody made is still theirs", () => {
    const t = openTenant();
    made(t, 2, by("alice"), "bob");
    made(t, 3, withKey("bob", 2), "carol");
    const last = made(t, 4, withKey("carol", 3));
    expect(last).toMatchObject({ created_by: "carol", created_with: `key:${kidOf(3)}` });
    expect(last.made_by).toEqual(["alice", "bob", "carol"]);
    expectInvariants(t);
  });

  it("count whoever rotated it too, so that nobody gets another's authority without a trace", () => {
    const t = openTenant();
    made(t, 2, by("alice"), "approver");
    expect(rotated(t, 2, 3, by("mallory")).made_by).toEqual(["alice", "mallory"]);
    expect(rotated(t, 3, 4, by("approver", `key:${kidOf(3)}`)).made_by).toEqual(["alice", "mallory", "approver"]);
  });

  it("count those who have the caller's credential from another tenant, and those for whom the caller acts", () => {
    const t = openTenant();
    expect(made(t, 2, { ...by("operator"), made_by: ["mallory"] }).made_by).toEqual(["mallory", "operator"]);
  });

  it("are bounded: a key with more is refused rather than kept without them", () => {
    const t = openTenant();
    const many = Array.from({ length: LIMITS.keyMakersMax }, (_, n) => `maker-${n}`);
    const change = { ...by("one more"), made_by: many };
    expect(createKey(t.sql, t.env, change, newKey({ kid: kidOf(2) }))).toEqual({
      ok: false,
      error: { reason: "limit" },
    });
    made(t, 2, by("alice"));
    const successor = { kid: kidOf(3), digest: "cd".repeat(32), overlap_ms: 0 };
    expect(rotateKey(t.sql, t.env, change, kidOf(2), successor)).toEqual({ ok: false, error: { reason: "limit" } });
  });

  it("of keys from before they were kept are found in the ledger, creators and rotators alike", () => {
    const t = openTenant();
    made(t, 2, by("alice"), "bob");
    made(t, 3, withKey("bob", 2), "carol");
    rotated(t, 3, 4, by("mallory"));
    const keys = () => {
      const page = listKeys(t.sql, t.env, access(), { after: null, limit: 100 });
      if (!page.ok) throw new Error(page.error.reason);
      return page.value.keys.map((key) => ({ ...key, made_by: [...key.made_by].sort() }));
    };
    const before = keys();
    for (const column of ["created_by", "created_with", "made_by"])
      t.sql.run(`ALTER TABLE api_key DROP COLUMN ${column}`);
    t.sql.run("DELETE FROM _migrations WHERE id >= 5");
    migrate(
      t.sql,
      TENANT_MIGRATIONS.filter(({ id }) => id <= 5),
    );
    expect(keys()).toEqual(before);
  });
});
