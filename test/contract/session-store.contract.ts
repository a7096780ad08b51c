import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type {
  NewSession,
  SessionItem,
  SessionKey,
  SessionStore,
  StoredResponse,
} from "../../shared/contracts/ports/session-store.ts";
import { err } from "../../shared/contracts/result.ts";

const tenant = TenantId.parse("acme");
const DAY_MS = 86_400_000;
const inMs = (ms: number) => (Date.now() + ms) as UnixMs; // safe because: Unix milliseconds
const missing = err({ reason: "not_found" });

/** A session's key as its edge wraps it; the store never looks inside. */
const wrappedKey = (fill = 7): SessionKey => ({ subject_key: "subject-key-1", wrapped: new Uint8Array(61).fill(fill) });
const spec = (more: Partial<NewSession> = {}): NewSession => ({
  expires_ms: inMs(DAY_MS),
  meta: null,
  items: [],
  key: wrappedKey(),
  conversation: true,
  ...more,
});

let made = 0;
/** Each test has a session of its own. */
const freshId = () => `sess${Date.now()}x${made++}`;
const item = (id: string, bytes = 3): SessionItem => ({
  id,
  type: "message",
  sealed: new Uint8Array(bytes).fill(id.length),
});
const response = (id: string, parent: string | null, more: Partial<StoredResponse> = {}): StoredResponse => ({
  id,
  parent,
  sealed: new Uint8Array([1, 2, 3]),
  input: [item(`${id}-in`)],
  output: [item(`${id}-out`)],
  ...more,
});
const idsOf = (items: readonly SessionItem[]) => items.map(({ id }) => id);

/** What every `SessionStore` promises; `store` is a store over real durable storage. */
export function sessionStoreContract(name: string, store: () => SessionStore): void {
  const created = async (items: SessionItem[] = []) => {
    const id = freshId();
    const session = await store().create(tenant, id, spec({ items }));
    if (!session.ok) throw new Error(session.error.reason);
    return id;
  };
  const page = { after: null, limit: 100, order: "asc" } as const;
  const listed = async (id: string) => {
    const found = await store().items(tenant, id, page);
    return found.ok ? idsOf(found.value.items) : found.error.reason;
  };
  const kept = { expires_ms: inMs(DAY_MS), conversation: false, expected_version: null };

  describe(`SessionStore over ${name}`, () => {
    it("answers the same not_found for whatever was never created, so that names tell nothing", async () => {
      const id = freshId();
      expect(await store().info(tenant, id)).toEqual(missing);
      expect(await store().items(tenant, id, page)).toEqual(missing);
      expect(await store().item(tenant, id, "a")).toEqual(missing);
      expect(await store().append(tenant, id, null, [item("a")])).toEqual(missing);
      expect(await store().setMeta(tenant, id, 1, null)).toEqual(missing);
      expect(await store().deleteItem(tenant, id, "a")).toEqual(missing);
      expect(await store().putResponse(tenant, id, response("r", null), kept)).toEqual(missing);
      expect(await store().response(tenant, id, "r")).toEqual(missing);
      expect(await store().deleteResponse(tenant, id, "r")).toEqual(missing);
      expect(await store().erase(tenant, id)).toEqual(missing);
      expect(await store().destroy(tenant, id)).toEqual(missing);
      expect(await store().info(tenant, "../../etc")).toEqual(missing);
    });

    it("keeps what was created and refuses to create it again", async () => {
      const id = freshId();
      const wanted = spec({ meta: new Uint8Array([9, 0, 255]), items: [item("a"), item("b")] });
      const { expires_ms, meta, key } = wanted;
      const session = await store().create(tenant, id, wanted);
      expect(session).toMatchObject({ ok: true, value: { id, expires_ms, version: 1, meta, key } });
      expect(await store().create(tenant, id, wanted)).toEqual(err({ reason: "exists" }));
      expect(await store().info(tenant, id)).toEqual(session);
      expect(await store().items(tenant, id, page)).toEqual({
        ok: true,
        value: { items: wanted.items, more: false, version: 1, key },
      });
      expect(await store().item(tenant, id, "b")).toEqual({ ok: true, value: { item: wanted.items[1], key } });
    });

    it("keeps tenants apart that use the same session id", async () => {
      const id = await created([item("a")]);
      const other = TenantId.parse("other");
      expect(await store().info(other, id)).toEqual(missing);
      expect(await store().destroy(other, id)).toEqual(missing);
      expect(await listed(id)).toEqual(["a"]);
    });

    it("lets one of two appends at the same version through, so that no update is lost unseen", async () => {
      const id = await created();
      const results = await Promise.all([
        store().append(tenant, id, 1, [item("a")]),
        store().append(tenant, id, 1, [item("b")]),
      ]);
      expect(results.filter(({ ok }) => ok)).toHaveLength(1);
      expect(results).toContainEqual(err({ reason: "version_conflict", version: 2 }));
      expect(await listed(id)).toHaveLength(1);
      expect(await store().setMeta(tenant, id, 1, null)).toEqual(err({ reason: "version_conflict", version: 2 }));
      expect(await store().setMeta(tenant, id, 2, new Uint8Array([1]))).toMatchObject({
        ok: true,
        value: { version: 3 },
      });
    });

    it("keeps every concurrent append that asks for no version, once, in one order", async () => {
      const id = await created();
      const names = Array.from({ length: 40 }, (_, index) => `i${index}`);
      await Promise.all(names.map((name) => store().append(tenant, id, null, [item(name)])));
      const order = await listed(id);
      expect([...order].sort()).toEqual([...names].sort());
      expect(await listed(id)).toEqual(order);
    });

    it("takes a repeated append of the same items as one, so that a retry doubles nothing", async () => {
      const id = await created();
      await store().append(tenant, id, null, [item("a"), item("b")]);
      expect(await store().append(tenant, id, null, [item("a"), item("b")])).toMatchObject({ value: { version: 2 } });
      expect(await listed(id)).toEqual(["a", "b"]);
    });

    it("pages forwards and backwards without gap or repeat, also while items are deleted", async () => {
      const id = await created(["a", "b", "c", "d", "e"].map((name) => item(name)));
      const from = async (after: string | null, order: "asc" | "desc") => {
        const found = await store().items(tenant, id, { after, limit: 2, order });
        return found.ok ? [idsOf(found.value.items).join(""), found.value.more] : found.error.reason;
      };
      expect(await from(null, "asc")).toEqual(["ab", true]);
      expect(await from("b", "asc")).toEqual(["cd", true]);
      expect(await from("d", "asc")).toEqual(["e", false]);
      expect(await from(null, "desc")).toEqual(["ed", true]);
      expect(await from("d", "desc")).toEqual(["cb", true]);
      expect(await store().deleteItem(tenant, id, "c")).toMatchObject({ ok: true, value: { version: 2 } });
      expect(await store().deleteItem(tenant, id, "c")).toEqual(missing);
      expect(await from("b", "asc")).toEqual(["de", false]);
      expect(await from("c", "asc")).toEqual("not_found");
    });

    it("refuses an item, a number of items or a sum of bytes beyond the bounds, and then keeps nothing of the call", async () => {
      const id = await created([item("a")]);
      const big = item("big", LIMITS.sessionItemBytesMax + 1);
      expect(await store().append(tenant, id, null, [item("b"), big])).toEqual(err({ reason: "limit" }));
      expect(await listed(id)).toEqual(["a"]);
      const many = Array.from({ length: LIMITS.sessionItemsMax }, (_, index) => item(`m${index}`, 1));
      expect(await store().append(tenant, id, null, many)).toEqual(err({ reason: "limit" }));
      expect(await store().append(tenant, id, null, many.slice(1))).toMatchObject({ ok: true, value: { version: 2 } });
      const none = freshId();
      expect(await store().create(tenant, none, spec({ items: [big] }))).toEqual(err({ reason: "limit" }));
      expect(await store().info(tenant, none)).toEqual(missing);
    });

    it("counts deleted bytes as free again and holds the bound on bytes", async () => {
      const id = await created();
      const each = LIMITS.sessionItemBytesMax;
      const fit = Math.floor(LIMITS.sessionBytesMax / each);
      for (let index = 0; index < fit; index++) {
        expect(await store().append(tenant, id, null, [item(`i${index}`, each)])).toMatchObject({ ok: true });
      }
      expect(await store().append(tenant, id, null, [item("over", 1)])).toEqual(err({ reason: "limit" }));
      await store().deleteItem(tenant, id, "i0");
      expect(await store().append(tenant, id, null, [item("over", 1)])).toMatchObject({ ok: true });
      await store().destroy(tenant, id);
    });

    it("gives a response back with the chain that leads to it, oldest first", async () => {
      const id = await created();
      await store().putResponse(tenant, id, response("r1", null), kept);
      await store().putResponse(tenant, id, response("r2", "r1"), kept);
      await store().putResponse(tenant, id, response("r3", "r1"), kept);
      const found = await store().response(tenant, id, "r3");
      expect(found).toMatchObject({ ok: true, value: { response: response("r3", "r1"), key: wrappedKey() } });
      expect(found.ok && idsOf(found.value.chain)).toEqual(["r1-in", "r1-out", "r3-in", "r3-out"]);
      expect(await listed(id)).toEqual([]);
      expect(await store().putResponse(tenant, id, response("r4", "never"), kept)).toEqual(missing);
    });

    it("keeps a response larger than a row, byte for byte", async () => {
      const id = await created();
      const sealed = Uint8Array.from({ length: 5 * 1024 * 1024 + 7 }, (_, index) => index % 251);
      expect(await store().putResponse(tenant, id, response("r", null, { sealed }), kept)).toMatchObject({ ok: true });
      const found = await store().response(tenant, id, "r");
      expect(found.ok && Buffer.compare(found.value.response.sealed, sealed)).toBe(0);
    });

    it("puts a response's items into the conversation only when asked, at the expected version", async () => {
      const id = await created([item("a")]);
      const conversation = { ...kept, conversation: true, expected_version: 1 };
      expect(await store().putResponse(tenant, id, response("r", null), conversation)).toMatchObject({
        ok: true,
        value: { version: 2 },
      });
      expect(await listed(id)).toEqual(["a", "r-in", "r-out"]);
      expect(await store().putResponse(tenant, id, response("s", null), conversation)).toEqual(
        err({ reason: "version_conflict", version: 2 }),
      );
      // A repeat of a call that succeeded is a success: its answer may have been lost.
      expect(await store().putResponse(tenant, id, response("r", null), conversation)).toMatchObject({ ok: true });
      expect(await listed(id)).toEqual(["a", "r-in", "r-out"]);
    });

    it("removes a deleted response's content but neither the conversation's items nor the chains through it", async () => {
      const id = await created();
      await store().putResponse(tenant, id, response("r1", null), { ...kept, conversation: true });
      await store().putResponse(tenant, id, response("r2", "r1"), kept);
      await store().putResponse(tenant, id, response("r3", "r2"), kept);
      const erased = await store().deleteResponse(tenant, id, "r2");
      // Its three sealed bytes and those of its two items; the key is needed on.
      expect(erased).toMatchObject({ ok: true, value: { key: null, items: 3, bytes: 9 } });
      expect(await store().deleteResponse(tenant, id, "r2")).toEqual(erased);
      expect(await store().response(tenant, id, "r2")).toEqual(missing);
      expect(await store().deleteResponse(tenant, id, "r1")).toMatchObject({
        ok: true,
        value: { key: null, items: 1 },
      });
      const found = await store().response(tenant, id, "r3");
      expect(found.ok && idsOf(found.value.chain)).toEqual(["r3-in", "r3-out"]);
      expect(await listed(id)).toEqual(["r1-in", "r1-out"]);
    });

    it("removes everything at once on destroy, and what is created then is new", async () => {
      const id = await created([item("a")]);
      await store().putResponse(tenant, id, response("r", null), kept);
      expect(await store().destroy(tenant, id)).toEqual({ ok: true, value: null });
      expect(await store().info(tenant, id)).toEqual(missing);
      expect(await store().response(tenant, id, "r")).toEqual(missing);
      expect(await store().destroy(tenant, id)).toEqual(missing);
      const again = await store().create(tenant, id, spec());
      expect(again).toMatchObject({ ok: true, value: { version: 1 } });
      expect(await listed(id)).toEqual([]);
    });

    it("is out of reach from the moment it expires, and its name is free", async () => {
      const id = freshId();
      await store().create(tenant, id, spec({ expires_ms: inMs(-1), items: [item("a")] }));
      expect(await store().info(tenant, id)).toEqual(missing);
      expect(await store().append(tenant, id, null, [item("b")])).toEqual(missing);
      const again = await store().create(tenant, id, spec());
      expect(again).toMatchObject({ ok: true });
    });

    it("lives no longer than a session may, and at least as long as the responses in it", async () => {
      const id = freshId();
      const far = await store().create(tenant, id, spec({ expires_ms: inMs(10 * LIMITS.sessionMsMax) }));
      expect(far.ok && far.value.expires_ms).toBeLessThanOrEqual(inMs(LIMITS.sessionMsMax));
      const short = freshId();
      await store().create(tenant, short, spec({ expires_ms: inMs(60_000) }));
      const longer = { ...kept, expires_ms: inMs(DAY_MS) };
      const put = await store().putResponse(tenant, short, response("r", null), longer);
      expect(put).toMatchObject({ ok: true, value: { expires_ms: longer.expires_ms } });
      const gone = { ...kept, expires_ms: inMs(-1) };
      await store().putResponse(tenant, short, response("s", "r"), gone);
      expect(await store().response(tenant, short, "s")).toEqual(missing);
    });

    it("erases a conversation with its key, and says what went until that is recorded", async () => {
      const id = await created([item("a"), item("b")]);
      await store().putResponse(tenant, id, response("r", null), { ...kept, conversation: true });
      const erased = await store().erase(tenant, id);
      const key = createHash("sha256").update(wrappedKey().wrapped).digest("hex");
      expect(erased).toMatchObject({ ok: true, value: { key, items: 5, bytes: 15 } });
      for (const found of [
        await store().info(tenant, id),
        await store().items(tenant, id, page),
        await store().item(tenant, id, "a"),
        await store().response(tenant, id, "r"),
        await store().deleteResponse(tenant, id, "r"),
        await store().append(tenant, id, null, [item("c")]),
        await store().putResponse(tenant, id, response("s", null), kept),
      ])
        expect(found).toEqual(missing);
      expect(await store().create(tenant, id, spec())).toEqual(err({ reason: "exists" }));
      expect(await store().erase(tenant, id)).toEqual(erased);
      await store().destroy(tenant, id);
      expect(await store().erase(tenant, id)).toEqual(missing);
    });

    it("destroys the key with the last response of a session that is no conversation, and with no other", async () => {
      const id = freshId();
      await store().create(tenant, id, spec({ conversation: false }));
      await store().putResponse(tenant, id, response("r1", null), kept);
      await store().putResponse(tenant, id, response("r2", "r1"), kept);
      expect(await store().deleteResponse(tenant, id, "r1")).toMatchObject({ ok: true, value: { key: null } });
      expect(await store().response(tenant, id, "r2")).toMatchObject({ ok: true });
      const last = await store().deleteResponse(tenant, id, "r2");
      expect(last).toMatchObject({ ok: true, value: { key: expect.stringMatching(/^[0-9a-f]{64}$/) } });
      expect(await store().info(tenant, id)).toEqual(missing);
      expect(await store().deleteResponse(tenant, id, "r2")).toEqual(last);
      expect(await store().deleteResponse(tenant, id, "r1")).toEqual(missing);
      expect(await store().erase(tenant, id)).toEqual(missing);
    });
  });
}
