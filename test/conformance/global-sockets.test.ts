import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ENTRIES, type GlobalEntry } from "../support/global-entries.ts";
import type { Lab } from "../support/lab.ts";
import { type PassingCell, startPassingCell } from "../support/passing-lab.ts";
import { TaskSocketClient } from "../support/task-socket-client.ts";
import { socketsSuite } from "./suites/sockets.ts";

/** Enough for the suite and this file, before the directory that names them is signed. */
const TENANTS = 16;

let behind: PassingCell;
beforeAll(async () => {
  behind = await startPassingCell("deno");
});
afterAll(() => behind?.stop());

describe.each(ENTRIES)("sockets through the global entry on %s", (_, start) => {
  let [lab, entry]: [Lab | undefined, GlobalEntry | undefined] = [undefined, undefined];
  beforeAll(async () => {
    const passing = await behind.through(start, TENANTS);
    [lab, entry] = [passing.lab, passing.entry];
  });
  afterAll(() => entry?.stop());
  const started = (): Lab => {
    if (lab === undefined) throw new Error("the entry has not started");
    return lab;
  };
  // Where nothing names one home, the entry has no cell to ask.
  socketsSuite(new Proxy({} as Lab, { get: (_none, name) => Reflect.get(started(), name) }), { misdirected: 421 });

  it("follow nothing more once their tenant's calls may not pass any more, whatever the directory still says", async () => {
    const passes = started();
    const tenant = await passes.newTenant();
    const create = async (): Promise<string> => {
      const body = { intent: "chat", model: "echo", input: "one two", stream: true };
      return (await behind.lab.json("/v1/tasks", { key: tenant.apiKey, body })).task_id;
    };
    const client = await TaskSocketClient.connect(passes.cell.url, { key: tenant.apiKey });
    expect((await client.subscribe(await create())).type).toBe("subscribed");
    const change = { key: behind.lab.cell.adminKey, method: "PATCH", body: { transit: "refused" } };
    await behind.lab.json(`/v1/tenants/${tenant.id}`, change);
    expect(await client.subscribe(await create())).toMatchObject({ type: "refused", status: 421 });
    await expect(TaskSocketClient.connect(passes.cell.url, { key: tenant.apiKey })).rejects.toThrow("refused with 421");
    client.close();
  });
});
