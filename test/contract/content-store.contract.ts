import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { SubjectKeyWanted } from "../../shared/contracts/ports/content-store.ts";
import type { TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { err } from "../../shared/contracts/result.ts";
import { access, admitRequest, attribution, provisionSpec, taskId } from "../support/tenant-fixtures.ts";

let made = 0;
const freshId = () => TenantId.parse(`c${Date.now().toString(36)}x${made++}`);
const digestOf = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");
const JO = digestOf("jo");
const wanted = (fill: string, subject = JO): SubjectKeyWanted => ({
  subject,
  proposal: { id: fill.repeat(26), wrapped: new Uint8Array(61).fill(fill.charCodeAt(0)) },
  kept: { session: `session-${fill}`, expires_ms: (Date.now() + 3_600_000) as UnixMs }, // safe because: a time in milliseconds
});
const at = (state: number) => access({ versions: { credential: 1, state, policy: 1 } });
const change = (state = 1) => ({ access: at(state), by: attribution() });
const missing = err({ reason: "not_found" });
const unknown = err({ reason: "unknown_tenant" });

/** What every `ContentStore` promises; `store` is a store over real durable storage. */
export function contentStoreContract(name: string, store: () => TenantStore): void {
  const provisioned = async () => {
    const tenant = freshId();
    const state = await store().provision(tenant, provisionSpec());
    if (!state.ok) throw new Error(state.error.reason);
    return tenant;
  };

  describe(`ContentStore over ${name}`, () => {
    it("makes no key for a tenant that was never made, so that guessed names create nothing", async () => {
      const tenant = freshId();
      expect(await store().beginContent(tenant, wanted("a"))).toEqual(unknown);
      expect(await store().subjectKey(tenant, "a".repeat(26))).toEqual(unknown);
      expect(await store().eraseSubject(tenant, change(), JO)).toEqual(unknown);
      expect(await store().erasures(tenant, at(1), { before: null, limit: 1 })).toEqual(unknown);
    });

    it("has one key a subject however many conversations begin at once, so that one erasure reaches all", async () => {
      const tenant = await provisioned();
      const letters = [..."abcdefgh"];
      const begun = await Promise.all(letters.map((letter) => store().beginContent(tenant, wanted(letter))));
      const [first] = begun;
      expect(begun.every((each) => JSON.stringify(each) === JSON.stringify(first))).toBe(true);
      const admitted = await store().admit(tenant, [
        admitRequest(taskId(1), Date.now(), { subject_key: wanted("z") }),
        admitRequest(taskId(2), Date.now(), { subject_key: wanted("y", digestOf("al")) }),
      ]);
      expect(admitted).toMatchObject([
        { value: { subject_key: first?.ok ? first.value : null } },
        { value: { subject_key: wanted("y").proposal } },
      ]);
    });

    it("forgets a subject's key for good, and refuses whoever decided before it", async () => {
      const tenant = await provisioned();
      const { id, wrapped } = wanted("a").proposal;
      await store().beginContent(tenant, wanted("a"));
      expect(await store().subjectKey(tenant, id)).toEqual({ ok: true, value: { id, wrapped } });
      const before = (Date.now() - 1) as UnixMs; // safe because: Unix milliseconds
      const erased = await store().eraseSubject(tenant, change(), JO);
      expect(erased).toMatchObject({
        ok: true,
        value: { scope: "subject", object: JO, key: digestOf(wrapped), conversations: 1, by: "service:demo" },
      });
      expect(await store().subjectKey(tenant, id)).toEqual(missing);
      expect(await store().subjectKey(await provisioned(), id)).toEqual(missing);
      const late = await store().admit(tenant, [admitRequest(taskId(1), Date.now())]);
      expect(late).toMatchObject([{ error: { reason: "stale", which: "state" } }]);
      expect(await store().erasedSince(tenant, at(2), JO, before)).toEqual({ ok: true, value: { erased: true } });
      expect(await store().erasedSince(tenant, at(2), digestOf("al"), before)).toMatchObject({
        value: { erased: false },
      });
      expect(await store().erasedSince(tenant, at(1), JO, before)).toMatchObject({ error: { reason: "stale" } });
    });

    it("records what sessions erased once each, and lists it with its place in the ledger", async () => {
      const tenant = await provisioned();
      const erased = { scope: "conversation" as const, key: JO, items: 1, bytes: 2 };
      for (const object of [digestOf("1"), digestOf("2"), digestOf("1")])
        await store().noteErased(tenant, change(), { ...erased, object });
      const page = await store().erasures(tenant, at(1), { before: null, limit: 1 });
      expect(page).toMatchObject({
        value: { erasures: [{ object: digestOf("2"), scope: "conversation" }], more: true },
      });
      const { entries } = await store()
        .ledger(tenant, at(1), { from: 0, limit: 100 })
        .then((ledger) => (ledger.ok ? ledger.value : expect.fail(ledger.error.reason)));
      const recorded = entries.filter(({ kind }) => kind === "data.erased");
      expect(recorded.map(({ detail }) => detail.object)).toEqual([digestOf("1"), digestOf("2")]);
      expect(page.ok && page.value.erasures[0]?.seq).toBe(recorded[1]?.seq);
    });
  });
}
