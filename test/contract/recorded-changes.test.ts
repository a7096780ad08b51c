import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ObjectUnavailable } from "../../durable/runtime/object-class.ts";
import { systemClock } from "../../functions/adapters/clock/system.ts";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import type { LedgerEntry } from "../../shared/contracts/ledger.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { err } from "../../shared/contracts/result.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";
import { whole } from "../support/engine-scripts.ts";

let root = "";
let cell: DetachedCell;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "bailiwick-recorded-"));
  cell = await detachedCell(async (body) => whole(body));
  cell.deps.archive = await fileSystemObjectStore({ root, jurisdiction: "local", clock: systemClock });
});
afterEach(async () => {
  await cell.close();
  rmSync(root, { recursive: true, force: true });
});

const LINE = { custom_id: "a", method: "POST", url: "/v1/chat/completions", body: { model: "direct", messages: [] } };
const ask = async (path: string, init: { method: string; body?: BodyInit; headers?: Record<string, string> }) =>
  cell.client.fetch(`http://127.0.0.1:8787${path}`, {
    ...init,
    headers: { authorization: `Bearer ${cell.client.apiKey}`, ...init.headers },
  });
async function upload(): Promise<Response> {
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", new Blob([`${JSON.stringify(LINE)}\n`]), "lines.jsonl");
  return ask("/v1/files", { method: "POST", body: form });
}
const idOf = async (response: Response) => String(((await response.json()) as { id: string }).id); // safe because: every resource has one
const create = async (file: string) =>
  ask("/v1/batches", {
    method: "POST",
    body: JSON.stringify({ input_file_id: file, endpoint: "/v1/chat/completions", completion_window: "24h" }),
    headers: { "content-type": "application/json" },
  });

/** The entries about one resource, or the one that was changed last, in order. */
async function entriesAbout(resource: string | null): Promise<LedgerEntry[]> {
  const state = await cell.deps.tenants.lookup(cell.tenant, null);
  if (!state.ok) throw new Error("no tenant");
  const access = { kid: null, versions: { credential: 0, ...state.value.state.versions } };
  const page = await cell.deps.tenants.ledger(cell.tenant, access, { from: 0, limit: LIMITS.pageItemsMax });
  if (!page.ok) throw new Error("refused");
  const changes = page.value.entries.filter(({ kind }) => kind === "data.changed");
  const id = resource ?? changes.at(-1)?.detail.resource;
  return changes.filter(({ detail }) => detail.resource === id);
}
const told = async (resource: string | null) => (await entriesAbout(resource)).map(({ outcome }) => outcome);

/** The tenant's object closes, once the bound has passed, what was begun with that entry. */
async function closed(opened: number | undefined) {
  await cell.tenantAlarmIn(LIMITS.recordEndMsMax);
  expect((await entriesAbout(null)).at(-1)).toMatchObject({
    ...{ kind: "data.changed", outcome: "failure", detail: { opened, error: "outcome_unknown" } },
  });
}

describe("the ledger, of files and batches", () => {
  it("says that a change begins and how it ended, so that a reader is told of nothing that did not happen", async () => {
    const file = await idOf(await upload());
    expect(await told(file)).toEqual(["pending", "success"]);
    const batch = await idOf(await create(file));
    expect((await told(batch)).slice(0, 2)).toEqual(["pending", "success"]);
    expect((await ask(`/v1/files/${file}`, { method: "DELETE" })).status).toBe(200);
    expect((await told(file)).slice(2)).toEqual(["pending", "success"]);
  });

  it("names the entry that an end ends, so that two changes of one file are told apart", async () => {
    const file = await idOf(await upload());
    await Promise.all([1, 2].map(() => ask(`/v1/files/${file}`, { method: "DELETE" })));
    const entries = await entriesAbout(file);
    const ends = entries.filter(({ outcome }) => outcome !== "pending");
    const begun = entries.filter(({ outcome }) => outcome === "pending").map(({ seq, request }) => [seq, request]);
    expect(ends.map(({ detail, request }) => [detail.opened, request]).sort()).toEqual(begun.sort());
  });

  it("says of a batch that was refused that it failed", async () => {
    const file = await idOf(await upload());
    cell.deps.batches = { ...cell.deps.batches, createBatch: async () => err({ reason: "limit" }) };
    expect((await create(file)).status).toBe(422);
    expect(await told(null)).toEqual(["pending", "failure"]);
  });

  it.each(["createBatch", "dropFile", "keepFile"] as const)(
    "claims no success of what a store did not answer: %s",
    async (method) => {
      const file = await idOf(await upload());
      const { batches } = cell.deps;
      cell.deps.batches = { ...batches, [method]: () => Promise.reject(new ObjectUnavailable("batch crashed")) };
      const asked = {
        createBatch: () => create(file),
        dropFile: () => ask(`/v1/files/${file}`, { method: "DELETE" }),
        keepFile: () => upload(),
      };
      expect((await asked[method]()).status).toBe(503);
      const about = await entriesAbout(null);
      expect(about.at(-1)?.outcome).toBe("pending");
      await closed(about.at(-1)?.seq);
      cell.deps.batches = batches;
      expect((await ask(`/v1/files/${file}`, { method: "GET" })).status).toBe(200);
    },
  );

  it("has it before anything is done: nothing changes while the ledger cannot be written", async () => {
    const file = await idOf(await upload());
    cell.faults.tenants.record = () => Promise.reject(new ObjectUnavailable("tenant crashed"));
    expect((await ask(`/v1/files/${file}`, { method: "DELETE" })).status).toBe(503);
    delete cell.faults.tenants.record;
    expect((await ask(`/v1/files/${file}`, { method: "GET" })).status).toBe(200);
  });

  it("keeps a change that was done where its end cannot be written, and says so in the log", async () => {
    const file = await idOf(await upload());
    const { record } = cell.deps.tenants;
    cell.faults.tenants.record = (tenant, entry) =>
      entry.outcome === "pending" ? record(tenant, entry) : Promise.reject(new ObjectUnavailable("tenant crashed"));
    expect((await ask(`/v1/files/${file}`, { method: "DELETE" })).status).toBe(200);
    delete cell.faults.tenants.record;
    expect((await told(file)).slice(2)).toEqual(["pending"]);
    await closed((await entriesAbout(file)).at(-1)?.seq);
    expect(cell.logged.some((line) => line.includes("record.unended"))).toBe(true);
  });
});
