import { afterEach, describe, expect, it } from "vitest";
import type { TenantId } from "../../shared/contracts/ids.ts";
import type { OutboxRow, TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { decodeBase64 } from "../../shared/crypto/log/base64.ts";
import { leafHash, verifyInclusion } from "../../shared/crypto/log/tree.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { asked, decided, LIFE_MS } from "../../test/support/core-approvals.ts";
import { LogLab, PREFIX, TENANT } from "../../test/support/log-lab.ts";
import { MemoryObjectStore } from "../../test/support/memory-object-store.ts";
import type { TestTenant } from "../../test/support/tenant-core.ts";
import { access, admitRequest, attribution, settleRequest, taskId } from "../../test/support/tenant-fixtures.ts";
import { ArchiveDamaged } from "../runtime/log/archived-read.ts";
import { refuse, sweep } from "./core.ts";
import { embeddedTenantStore } from "./embedded.ts";
import { deliverFeed, tenantObjectClass } from "./object-class.ts";

const tenant = TENANT as TenantId; // safe because: the shape of a tenant's id
const labs: LogLab[] = [];
afterEach(() => {
  for (const lab of labs.splice(0)) lab.close();
});

interface Scene {
  lab: LogLab;
  archive: MemoryObjectStore;
  store: TenantStore;
}
function open(published = true): Scene {
  let archive: MemoryObjectStore | undefined;
  const lab = new LogLab((now) => (archive = new MemoryObjectStore(now)));
  labs.push(lab);
  if (!archive) throw new Error("no archive");
  const of = tenantObjectClass({ deliver: async () => {} }, published ? lab.parts : null);
  return { lab, archive, store: embeddedTenantStore(lab.host, of) };
}

const run = async ({ lab, store }: Scene, n: number): Promise<void> => {
  await store.admit(tenant, [admitRequest(taskId(n), lab.env.now)]);
  await store.settle(tenant, [settleRequest(taskId(n))]);
};

async function proven({ store }: Scene, n: number) {
  const proof = await store.proof(tenant, access(), taskId(n));
  if (!proof.ok) return proof.error.reason;
  const { checkpoint, entries } = proof.value;
  const root = decodeBase64(checkpoint.root) ?? new Uint8Array();
  for (const { index, text, proof: path } of entries)
    expect(
      verifyInclusion({
        index,
        size: checkpoint.size,
        leaf: leafHash(utf8(text)),
        proof: path.map((hash) => decodeBase64(hash) ?? new Uint8Array()),
        root,
      }),
    ).toBe(true);
  return entries.map(({ text }) => JSON.parse(text).kind);
}

describe("evidence of a task", () => {
  it("is pending until it is published, which asking brings on within a second, and is then proven entry by entry", async () => {
    const scene = open();
    const { lab, store } = scene;
    await run(scene, 1);
    await lab.settle();
    await run(scene, 2);
    expect(await store.proof(tenant, access(), taskId(2))).toMatchObject({ error: { reason: "pending" } });
    const askedMs = lab.env.now;
    await lab.alarm();
    expect(lab.env.now - askedMs).toBeLessThanOrEqual(1_000);
    expect(await proven(scene, 1)).toEqual(["task.opened", "task.closed"]);
    expect(await proven(scene, 2)).toEqual(["task.opened", "task.closed"]);
    expect(await proven(scene, 3)).toBe("not_found");
  });

  it("has every entry of the task: a refusal, and what was abandoned before it was corrected", async () => {
    const scene = open();
    const { lab, store } = scene;
    refuse(lab.sql, lab.env, access(), {
      by: attribution(),
      task: taskId(7),
      action: "inference:create",
      reason: "denied",
    });
    await store.admit(tenant, [admitRequest(taskId(8), lab.env.now)]);
    lab.env.now += 95_000;
    sweep(lab.sql, lab.env);
    await store.settle(tenant, [settleRequest(taskId(8))]);
    await lab.settle();
    expect(await proven(scene, 7)).toEqual(["call.refused"]);
    expect(await proven(scene, 8)).toEqual(["task.opened", "task.abandoned", "task.corrected"]);
  });

  it("stays pending, with a long wait, where the host has no archive", async () => {
    const scene = open(false);
    await run(scene, 1);
    expect(await scene.store.proof(tenant, access(), taskId(1))).toMatchObject({
      error: { reason: "pending", retry_after_ms: 3_600_000 },
    });
    expect(await scene.store.log(tenant, access())).toMatchObject({
      value: { published: null, size: 4, origin: TENANT },
    });
  });
});

describe("entries that were pruned", () => {
  async function pruned(): Promise<Scene> {
    const scene = open();
    await run(scene, 1);
    for (let at = 0; at < 4; at++) {
      scene.lab.append(250, 1_000);
      await scene.lab.settle();
    }
    expect(scene.lab.state.pruned).toBe(512);
    expect(scene.lab.sql.get("SELECT count(*) AS n FROM ledger WHERE seq < 512")).toEqual({ n: 0 });
    return scene;
  }

  it("are read from the archive: task, evidence, pages across the border, and periods", async () => {
    const scene = await pruned();
    const { lab, store } = scene;
    expect(await store.task(tenant, access(), taskId(1))).toMatchObject({ value: { status: "OK" } });
    expect(await proven(scene, 1)).toEqual(["task.opened", "task.closed"]);
    const page = await store.ledger(tenant, access(), { from: 480, limit: 80 });
    expect(page.ok && page.value.entries.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 80 }, (_, at) => 480 + at),
    );

    const times: number[] = [];
    for (let from = 0; from < lab.size; from += 100) {
      const some = await store.ledger(tenant, access(), { from, limit: 100 });
      if (!some.ok) throw new Error("refused");
      times.push(...some.value.entries.map(({ at }) => Date.parse(at)));
    }
    const borders = [0, 200, 255, 256, 511, 512, 700].map((seq) => times[seq] ?? 0);
    for (const from_ms of borders)
      for (const to_ms of borders) {
        const period = await store.period(tenant, access(), { from_ms, to_ms });
        const first = times.filter((ms) => ms < from_ms).length;
        const count = times.filter((ms) => ms >= from_ms && ms < to_ms).length;
        expect(period).toMatchObject({ value: { first, count, pending: null } });
      }
  });

  it("are refused, and looked at by the next turn, when the archive has other ones: nothing unproven is ever answered", async () => {
    const { lab, archive, store } = await pruned();
    const got = await archive.get(`${PREFIX}tile/entries/000`);
    if (!got.ok) throw new Error("no bundle");
    const { bytes } = got.value;
    bytes[300] = (bytes[300] ?? 0) ^ 1;
    archive.tamper(`${PREFIX}tile/entries/000`, bytes);
    await expect(store.task(tenant, access(), taskId(1))).rejects.toThrow(ArchiveDamaged);
    await lab.alarm();
    expect(lab.state.halted).toMatchObject({ fault: "tile_altered" });
  });

  it("leave what this object still needs: open tasks are closed, and late events delivered, without losing an opener", async () => {
    const scene = open();
    const { lab, store } = scene;
    await store.admit(tenant, [
      admitRequest(taskId(1), lab.env.now, { deadline: admitRequest(taskId(1), lab.env.now + 80_000_000).deadline }),
    ]);
    lab.append(900);
    await lab.settle();
    expect(lab.state.pruned).toBe(512);
    expect(lab.sql.all("SELECT seq FROM ledger WHERE seq < 512").length).toBe(1);
    const first = lab.size;
    lab.env.now += 80_200_000;
    while (sweep(lab.sql, lab.env));
    expect(lab.kinds().slice(-1)).toEqual(["task.abandoned"]);
    await store.settle(tenant, [settleRequest(taskId(1))]);
    const rows: OutboxRow[] = [];
    lab.sql.run("UPDATE tenant SET feed_seq = ?", first);
    await deliverFeed(lab.handle, { deliver: async (_tenant, some) => void rows.push(...some) }, lab.parts);
    expect(rows.map(({ type }) => type).filter((type) => type.includes("lifecycle")).length).toBe(2);
    await lab.settle();
    expect(lab.sql.all("SELECT seq FROM ledger WHERE seq < 512")).toEqual([]);
    // The correction's opener is in the archive only by now, and its event is told again.
    rows.length = 0;
    lab.sql.run("UPDATE tenant SET feed_seq = ?", first);
    await deliverFeed(lab.handle, { deliver: async (_tenant, some) => void rows.push(...some) }, lab.parts);
    expect(rows.map(({ type }) => type).filter((type) => type.includes("lifecycle")).length).toBe(2);
  });

  it("leave what waits for its end: a request for approval and a window of refusals are closed by what opened them", async () => {
    const { lab } = open();
    // safe because: of a tenant, approvals are asked for over its database and clock alone
    const t = lab as unknown as TestTenant;
    asked(t, 1);
    asked(t, 2, { subject: { kind: "operation", digest: "b".repeat(64) } });
    decided(t, 1);
    for (let n = 0; n < 3; n++)
      refuse(lab.sql, lab.env, access(), { by: attribution(), task: taskId(n), action: "a:b", reason: "denied" });
    const opened = lab.size;
    lab.append(900);
    await lab.settle();
    expect(lab.state.pruned).toBe(512);
    expect(lab.kinds().slice(0, 2)).toEqual(["approval.requested", "call.refused"]);
    lab.env.now += LIFE_MS;
    while (sweep(lab.sql, lab.env));
    const rows = lab.sql.all<{ body: string }>("SELECT body FROM ledger WHERE seq >= ?", opened + 900);
    expect(rows.map(({ body }) => JSON.parse(body)).map(({ kind, subject }) => [kind, subject])).toEqual(
      expect.arrayContaining([
        ["approval.expired", "asker"],
        ["call.refused", "service:demo"],
      ]),
    );
    await lab.settle();
    expect(lab.sql.all("SELECT seq FROM ledger WHERE seq < 512")).toEqual([]);
  });
});
