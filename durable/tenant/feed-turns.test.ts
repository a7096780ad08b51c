import { describe, expect, it } from "vitest";
import type { TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { EventSink } from "../../shared/contracts/ports/event-sink.ts";
import { LAB_SIGNER } from "../../test/support/log-lab.ts";
import { MemoryObjectStore } from "../../test/support/memory-object-store.ts";
import { objectsHome } from "../../test/support/objects-home.ts";
import { access, provisionSpec } from "../../test/support/tenant-fixtures.ts";
import { embeddedTenantStore } from "./embedded.ts";
import { FeedTurns } from "./feed-turns.ts";
import { tenantObjectClass } from "./object-class.ts";

const SECOND = 1_000;

describe("turns at a sink that tenants share", () => {
  it("are for so many at once; others get appointments one behind another, and newcomers go behind those", () => {
    const turns = new FeedTurns(2);
    expect([turns.enter("a", 0), turns.enter("b", 0)]).toEqual([null, null]);
    turns.took(800);
    const [c, d] = [turns.enter("c", 0), turns.enter("d", 0)];
    expect(c).toBeGreaterThanOrEqual(SECOND);
    expect(d).toBeGreaterThan(Number(c));
    turns.leave();
    expect(turns.enter("new", 10)).toBeGreaterThan(Number(d));
    expect(turns.enter("d", 10)).toBeNull();
    expect(turns.enter("c", 10)).toBe(c);
    turns.leave();
    expect(turns.enter("c", Number(c))).toBeNull();
  });

  it("that come to nothing are asked for again soon, and never later than a minute, so that nobody waits for ever", () => {
    const turns = new FeedTurns(1);
    expect(turns.enter("a", 0)).toBeNull();
    turns.took(1_000 * SECOND);
    for (let n = 0; n < 100; n++) expect(turns.enter(`t${n}`, 0)).toBeLessThanOrEqual(LIMITS.outboxRetryMsMax);
    const at = Number(turns.enter("t0", 0));
    expect(turns.enter("t0", at)).toBe(at + LIMITS.outboxDelayMs);
  });
});

it("a sink that takes nothing from more tenants than have alarms holds up nobody's publication, and gets every event in the end", {
  timeout: 60_000,
}, async () => {
  const gate = Promise.withResolvers<void>();
  const delivered = new Map<string, number[]>();
  let [inFlight, most] = [0, 0];
  const sink: EventSink = {
    async deliver(tenant, rows) {
      most = Math.max(most, ++inFlight);
      if (tenant !== "quiet") await gate.promise;
      inFlight--;
      delivered.set(tenant, [...(delivered.get(tenant) ?? []), ...rows.map(({ seq }) => seq)]);
    },
  };
  const of = tenantObjectClass(sink, {
    archive: new MemoryObjectStore(() => home.clock.now()),
    signer: LAB_SIGNER,
    prefix: (name) => `logs/${name}/`,
    origin: (name) => `bailiwick.example.com/${name}`,
    retention_days: () => 1,
    onHalted: () => undefined,
    onUnpublished: () => undefined,
  });
  const home = objectsHome({ classes: [of] });
  const host = home.open();
  const store = embeddedTenantStore(host, of);
  // safe because: the shape of a tenant's id
  const names = Array.from({ length: LIMITS.alarmsAtOnceMax + 6 }, (_, n) => `busy${n}` as TenantId);
  const provision = (name: TenantId) => store.provision(name, provisionSpec());
  const published = async (name: TenantId): Promise<number> => {
    const state = await store.log(name, access());
    return state.ok ? (state.value.published?.size ?? 0) : -1;
  };
  const quiet = "quiet" as TenantId; // safe because: the shape of a tenant's id
  await provision(quiet);
  home.clock.advance(LIMITS.logFewDelayMs - 2 * LIMITS.outboxDelayMs);
  await host.runDueAlarms();
  await Promise.all(names.map(provision));
  home.clock.advance(LIMITS.outboxDelayMs);
  const began = [host.runDueAlarms()];
  await expect.poll(() => inFlight, { timeout: 20_000 }).toBe(LIMITS.feedsAtOnceMax);
  home.clock.advance(LIMITS.outboxDelayMs);
  began.push(host.runDueAlarms());
  await expect.poll(() => published(quiet), { timeout: 20_000 }).toBeGreaterThan(0);
  expect([[...delivered.keys()], most]).toEqual([[quiet], LIMITS.feedsAtOnceMax]);
  gate.resolve();
  await Promise.all(began);
  for (let waited = 0; delivered.size < names.length + 1 && waited < LIMITS.outboxRetryMsMax; waited += SECOND) {
    home.clock.advance(SECOND);
    await host.runDueAlarms();
  }
  expect([...delivered.keys()].sort()).toEqual([...names, quiet].sort());
  for (const seqs of delivered.values()) expect(new Set(seqs).size).toBe(seqs.length);
  expect(home.errors).toEqual([]);
  await host.close();
  home.remove();
});
