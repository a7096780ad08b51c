import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordErased } from "../../functions/v1/erasures/record-erased.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { type ObligedCell, obligedCell } from "../support/obliged-cell.ts";
import { attribution } from "../support/tenant-fixtures.ts";

const ANSWER = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "near-1",
  choices: [{ index: 0, message: { role: "assistant", content: "kept" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};

let cell: ObligedCell;
let calls: string[];
beforeEach(async () => {
  cell = await obligedCell(() => ANSWER);
  calls = [];
  // safe because: every member of a port is a method
  for (const [of, store] of [
    ["tenant", cell.tenants],
    ["session", cell.sessions],
  ] as const)
    for (const [name, method] of Object.entries(store)) {
      const counted = (...args: unknown[]): unknown => {
        calls.push(`${of}.${name}`);
        return (method as (...args: unknown[]) => unknown)(...args); // safe because: every member of a port is a method
      };
      Object.assign(store, { [name]: counted });
    }
});
afterEach(async () => {
  await cell.close();
});

type Asker = Awaited<ReturnType<ObligedCell["tenant"]>>;
/** The durable calls of one request, once its caches are warm. */
async function callsOf(tenant: Asker, path: string, body: JsonObject | null): Promise<string[]> {
  calls.length = 0;
  const response = await tenant.ask(path, body);
  const text = await response.text();
  expect([text.slice(0, 200), response.status]).toEqual([text.slice(0, 200), 200]);
  return [...calls];
}
const respond = async (tenant: Asker, more: JsonObject = {}): Promise<string> =>
  String((await (await tenant.ask("/v1/responses", { model: "near", input: "x", ...more })).json()).id);

/** Who asks as a tenant's first application. */
const SUBJECT = "service:first-application";
async function change({ id }: Asker) {
  const found = await cell.tenants.lookup(id, null);
  if (!found.ok) throw new Error(found.error.reason);
  return { access: { kid: null, versions: { credential: 0, ...found.value.state.versions } }, by: attribution() };
}

describe("keys of kept content", () => {
  it("cost a call that begins a conversation no durable call: admission hands the subject's key out", async () => {
    const tenant = await cell.tenant();
    await respond(tenant);
    const body = { model: "near", input: "again" };
    expect(await callsOf(tenant, "/v1/responses", body)).toEqual([
      "tenant.admit",
      "session.create",
      "session.putResponse",
      "tenant.settle",
    ]);
  });

  it("cost calls that keep nothing nothing at all, whatever the tenant has opted in to", async () => {
    for (const content of ["store", "none"] as const) {
      const tenant = await cell.tenant(content);
      await respond(tenant, { store: false });
      const warm = ["tenant.admit", "tenant.settle"];
      expect(await callsOf(tenant, "/v1/responses", { model: "near", input: "x", store: false })).toEqual(warm);
      const messages = [{ role: "user", content: "x" }];
      expect(await callsOf(tenant, "/v1/chat/completions", { model: "near", messages })).toEqual(warm);
    }
  });

  it("are asked for once a minute by calls that continue a conversation, and never used for longer", async () => {
    const tenant = await cell.tenant();
    const previous_response_id = await respond(tenant);
    const further = () => callsOf(tenant, "/v1/responses", { model: "near", input: "more", previous_response_id });
    const warm = ["session.response", "tenant.admit", "session.putResponse", "tenant.settle"];
    expect(await further()).toEqual(warm);
    cell.clock.advance(LIMITS.dataKeyCacheMsMax);
    expect(await further()).toContain("tenant.subjectKey");
    expect(await further()).toEqual(warm);
  });

  it("are used no more by an edge that has one at hand and another edge's erasure behind it", async () => {
    const tenant = await cell.tenant();
    const previous_response_id = await respond(tenant);
    // As another isolate does it: this one hears nothing of it.
    const erased = await cell.tenants.eraseSubject(tenant.id, await change(tenant), sha256Hex(SUBJECT));
    expect(erased).toMatchObject({ ok: true, value: { conversations: 1 } });
    const body = { model: "near", input: "more", previous_response_id };
    const before = cell.asked.length;
    expect((await tenant.ask("/v1/responses", body)).status).toBe(404);
    expect((await tenant.ask(`/v1/responses/${previous_response_id}`)).status).toBe(404);
    expect(cell.asked.length).toBe(before);
  });
});

describe("an erasure that was cut short", () => {
  it("is recorded when it is asked for again, so that no erasure stays without its entry", async () => {
    const tenant = await cell.tenant();
    const { id } = await (await tenant.ask("/v1/conversations", {})).json();
    const session = id.slice("conv_".length);
    // The session has erased, and the process ends before the ledger hears of it.
    const first = await cell.sessions.erase(tenant.id, session);
    expect(await tenant.entries("data.erased")).toEqual([]);
    const again = await cell.sessions.erase(tenant.id, session);
    expect(again).toEqual(first);
    if (!again.ok) throw new Error(again.error.reason);
    const state = await cell.tenants.lookup(tenant.id, null);
    if (!state.ok) throw new Error(state.error.reason);
    const call = { tenant: state.value.state, ...(await change(tenant)) };
    const deps = { tenants: cell.tenants, sessions: cell.sessions } as unknown as Parameters<typeof recordErased>[0]; // safe because: it touches no other port
    const record = () => recordErased(deps, call, { scope: "conversation", id, session }, again.value);
    await record();
    expect(await tenant.entries("data.erased")).toHaveLength(1);
    await expect(record()).rejects.toMatchObject({ slug: "not-found" });
    expect(await tenant.entries("data.erased")).toHaveLength(1);
    expect(await cell.sessions.erase(tenant.id, session)).toMatchObject({ error: { reason: "not_found" } });
  });
});
