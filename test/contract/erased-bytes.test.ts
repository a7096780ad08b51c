import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { sessionClass } from "../../durable/session/core.ts";
import { embeddedSessionStore } from "../../durable/session/embedded.ts";
import { embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { SessionItem, SessionStore } from "../../shared/contracts/ports/session-store.ts";
import type { TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { filesUnder } from "../support/find-bytes.ts";
import { type ObjectsHome, objectsHome } from "../support/objects-home.ts";
import { access, attribution, provisionSpec } from "../support/tenant-fixtures.ts";

const tenant = TenantId.parse("acme1");
const tenants = tenantObjectClass(null);
// safe because: a time in milliseconds
const kept = (session: string) => ({ session, expires_ms: (Date.now() + 86_400_000) as UnixMs });
const digestOf = (text: string) => createHash("sha256").update(text).digest("hex");
const bytes = (count: number) => new Uint8Array(randomBytes(count));

let home: ObjectsHome;
let host: EmbeddedHost;
let store: TenantStore;
let sessions: SessionStore;
beforeEach(async () => {
  home = objectsHome({ classes: [tenants, sessionClass] });
  host = home.open();
  store = embeddedTenantStore(host, tenants);
  sessions = embeddedSessionStore(host);
  await store.provision(tenant, provisionSpec());
});
afterEach(async () => {
  await host.close();
  home.remove();
});

/** How many of these are in some file of the home, in the log and in free pages too. */
function foundIn(needles: readonly Uint8Array[]): number {
  const files = filesUnder(home.path).map((path) => readFileSync(path));
  return needles.filter((needle) => files.some((file) => file.includes(Buffer.from(needle)))).length;
}
const change = (state: number) => ({
  access: access({ versions: { credential: 1, state, policy: 1 } }),
  by: attribution(),
});

describe("an erasure that was answered has left the disk", () => {
  it("of a subject: its wrapped key is in no file, and those of others are where they were", async () => {
    // As many as make their table split its pages over and over: a page that was split keeps copies in odd places.
    const keys = Array.from({ length: 300 }, (_, n) => ({ n, id: String(n).padStart(26, "k"), wrapped: bytes(61) }));
    for (const { n, id, wrapped } of keys)
      await store.beginContent(tenant, {
        subject: digestOf(`subject ${n}`),
        proposal: { id, wrapped },
        kept: kept(`session-${n}`),
      });
    expect(foundIn(keys.map(({ wrapped }) => wrapped))).toBe(keys.length);
    const gone = keys.filter(({ n }) => n % 7 === 3);
    let state = 1;
    for (const { n } of gone) {
      expect(await store.eraseSubject(tenant, change(state++), digestOf(`subject ${n}`))).toMatchObject({ ok: true });
      expect(foundIn([keys[n]?.wrapped ?? new Uint8Array()])).toBe(0);
    }
    expect(foundIn(gone.map(({ wrapped }) => wrapped))).toBe(0);
    expect(foundIn(keys.map(({ wrapped }) => wrapped))).toBe(keys.length - gone.length);
    for (const { id, wrapped } of keys.filter(({ n }) => n % 7 === 4))
      expect(await store.subjectKey(tenant, id)).toEqual({ ok: true, value: { id, wrapped } });
  });

  it("of a conversation: neither its key nor a sealed byte of it is in any file, before it is even recorded", async () => {
    const key = { subject_key: "k".repeat(26), wrapped: bytes(61) };
    const item = (id: string, size: number): SessionItem => ({ id, type: "message", sealed: bytes(size) });
    const items = [item("a", 200), item("b", 50_000), ...Array.from({ length: 60 }, (_, n) => item(`c${n}`, 300))];
    const expires_ms = (home.clock.now() + 60_000) as UnixMs; // safe because: Unix milliseconds
    await sessions.create(tenant, "s", { expires_ms, meta: bytes(100), items, key, conversation: true });
    await sessions.deleteItem(tenant, "s", "c7");
    const response = { id: "r", parent: null, sealed: bytes(1_500_000), input: [], output: [item("o", 5_000)] };
    await sessions.putResponse(tenant, "s", response, { expires_ms, conversation: false, expected_version: null });
    const part = (sealed: Uint8Array) => sealed.slice(16, 80);
    const answer = [part(response.sealed), part(response.output[0]?.sealed ?? bytes(80)), response.sealed.slice(-64)];
    expect(foundIn([key.wrapped, ...answer])).toBe(1 + answer.length);
    await sessions.deleteResponse(tenant, "s", "r");
    expect(foundIn(answer)).toBe(0);
    expect(foundIn([key.wrapped])).toBe(1);
    expect(await sessions.erase(tenant, "s")).toMatchObject({ ok: true });
    expect(foundIn([key.wrapped, ...items.map(({ sealed }) => part(sealed))])).toBe(0);
    await host.close();
    expect(foundIn([key.wrapped, ...items.map(({ sealed }) => part(sealed))])).toBe(0);
  });

  it("stays erased over a crash right after its answer", async () => {
    const wrapped = bytes(61);
    const subject = digestOf("jo");
    await store.beginContent(tenant, { subject, proposal: { id: "k".repeat(26), wrapped }, kept: kept("session") });
    await store.eraseSubject(tenant, change(1), subject);
    // What a process that is killed now leaves is what lies there now.
    const files = filesUnder(home.path).map((path) => readFileSync(path));
    expect(files.some((file) => file.includes(Buffer.from(wrapped)))).toBe(false);
    await host.close();
    host = home.open();
    store = embeddedTenantStore(host, tenants);
    expect(await store.subjectKey(tenant, "k".repeat(26))).toEqual({ ok: false, error: { reason: "not_found" } });
  });
});
