import { afterEach, describe, expect, it } from "vitest";
import { eventually, marker, type Tenant, user } from "../support/lab.ts";
import { expectChained, readLedger } from "../support/ledger.ts";
import type { SplitOptions } from "../support/split-cell.ts";
import { type SplitLab, startSplitLab } from "../support/split-lab.ts";

const CALLERS = 6;
/** An edge that is to stop says so for this long; the balancer asks all the time, and on a busy machine waits for answers. */
const NOTICE_MS = 10_000;

interface Asked {
  /** Null: the connection broke. */
  status: number | null;
  task: string | null;
  /** What a refusal is called. */
  code: string | null;
  ms: number;
}

/** Callers that ask all the time, one call after the other each, until they are told to end. */
function traffic(split: SplitLab, tenant: Tenant) {
  const asked: Asked[] = [];
  let ending = false;
  const caller = async (): Promise<void> => {
    while (!ending) {
      const begun = performance.now();
      const answer = await split.all
        .ask("/v1/chat/completions", { key: tenant.apiKey, body: { model: "echo", messages: [user(marker())] } })
        .then(async (response) => ({ response, text: await response.text() }))
        .catch(() => null);
      asked.push({
        status: answer?.response.status ?? null,
        task: answer?.response.headers.get("x-bailiwick-task") ?? null,
        code: answer === null ? null : (/"code":"(\w+)"/.exec(answer.text)?.[1] ?? null),
        ms: performance.now() - begun,
      });
      // A caller whose connection broke does not hammer.
      if (answer === null) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const callers = Array.from({ length: CALLERS }, caller);
  return {
    asked,
    /** Resolves once so many more calls were answered. */
    async flows(calls: number): Promise<void> {
      const until = asked.filter(({ status }) => status === 200).length + calls;
      await eventually(
        async () => asked.filter(({ status }) => status === 200).length,
        (count) => count >= until,
        60_000,
      );
    },
    async end(): Promise<Asked[]> {
      ending = true;
      await Promise.all(callers);
      return asked;
    },
  };
}

const told = (what: string, asked: readonly Asked[]) => {
  const by = new Map<string, number>();
  for (const { status } of asked) by.set(String(status), (by.get(String(status)) ?? 0) + 1);
  const longest = Math.round(Math.max(0, ...asked.map(({ ms }) => ms)));
  process.stderr.write(`${what}: ${JSON.stringify(Object.fromEntries(by))}, longest ${longest} ms\n`);
};

/** Calls that waited for longer than they may were told which of the two is away: their stores, or what policy needs of them. */
function expectAway(asked: readonly Asked[]): void {
  for (const { status, code } of asked)
    if (status !== 200) expect(["503 store_unavailable", "503 policy_unavailable"]).toContain(`${status} ${code}`);
}

/** Everything that was answered is in the ledger, closed once; nothing is charged that nobody asked for. */
async function expectAccounted(split: SplitLab, tenant: Tenant, asked: readonly Asked[]): Promise<number> {
  const log = await readLedger(split.all, tenant.adminKey);
  expectChained(log);
  const closed = log.entries.filter(({ kind }) => kind === "task.closed").map(({ task }) => task);
  expect(new Set(closed).size).toBe(closed.length);
  const known = new Set(closed);
  const answered = asked.filter(({ status }) => status === 200).map(({ task }) => task);
  expect(answered.length).toBeGreaterThan(0);
  expect(answered.filter((task) => !known.has(task))).toEqual([]);
  return closed.length - answered.length;
}

describe("processes of a split cell that end under load", { timeout: 400_000 }, () => {
  let split: SplitLab | null = null;
  afterEach(async () => {
    await split?.stop();
    split = null;
  });
  async function started(options: Partial<SplitOptions> = {}): Promise<{ split: SplitLab; tenant: Tenant }> {
    split = await startSplitLab({
      ...{ edges: 2, looks: true },
      ...options,
      edgeEnv: { BAILIWICK_DRAIN_NOTICE_MS: String(NOTICE_MS), ...options.edgeEnv },
    });
    return { split, tenant: await split.all.newTenant() };
  }

  it("edges are replaced one after the other without one failed call", async () => {
    const { split, tenant } = await started();
    const load = traffic(split, tenant);
    await load.flows(20);
    for (const edge of split.cell.edgeProcesses) {
      expect(await edge.stop()).toBe(0);
      await load.flows(10);
      await edge.start();
      await load.flows(20);
    }
    const asked = await load.end();
    told("rolling restart of two edges", asked);
    expect(asked.filter(({ status }) => status !== 200)).toEqual([]);
    expect(await expectAccounted(split, tenant, asked)).toBe(0);
    expect(split.cell.balancer?.given.every((calls) => calls > 0)).toBe(true);
  });

  it("objects are replaced while callers wait, or are told to try again; no call is charged twice", async () => {
    const { split, tenant } = await started();
    const load = traffic(split, tenant);
    await load.flows(20);
    expect(await split.cell.objects.stop()).toBe(0);
    await split.cell.objects.start();
    await load.flows(20);
    const asked = await load.end();
    told("restart of the objects", asked);
    expectAway(asked);
    const refused = asked.filter(({ status }) => status !== 200).length;
    expect(await expectAccounted(split, tenant, asked)).toBeLessThanOrEqual(refused);
    const { data } = await split.all.json("/v1/usage", { key: tenant.adminKey });
    expect(data.reduce((sum: number, row: { requests: number }) => sum + row.requests, 0)).toBeGreaterThan(0);
  });

  it("an edge that is killed takes its own calls along and nothing that was answered; the other one goes on", async () => {
    const { split, tenant } = await started();
    const load = traffic(split, tenant);
    await load.flows(20);
    await split.cell.edgeProcesses[0]?.kill9();
    await load.flows(30);
    const asked = await load.end();
    told("an edge killed", asked);
    // The balancer answers 502 for a connection that was refused or broke before the head.
    for (const { status } of asked) expect([200, 502, null]).toContain(status);
    const failed = asked.filter(({ status }) => status !== 200).length;
    // What was settled before its caller's connection broke is charged, and no more than that.
    expect(await expectAccounted(split, tenant, asked)).toBeLessThanOrEqual(failed);
    await split.cell.edgeProcesses[0]?.start();
  });

  it("objects that are killed lose nothing that was answered, and calls in flight go on with them", async () => {
    const { split, tenant } = await started();
    const load = traffic(split, tenant);
    await load.flows(20);
    for (let time = 0; time < 2; time++) {
      await split.cell.objects.kill9();
      await split.cell.objects.start();
      await load.flows(20);
    }
    const asked = await load.end();
    told("the objects killed twice", asked);
    expectAway(asked);
    const refused = asked.filter(({ status }) => status !== 200).length;
    expect(await expectAccounted(split, tenant, asked)).toBeLessThanOrEqual(refused);
  });
});

describe("processes of different versions", { timeout: 200_000 }, () => {
  it.each([
    [
      "an edge that speaks the version before, and objects of today",
      { edgeEnv: { BAILIWICK_OBJECTS_VERSION_MAX: "1" } },
    ],
    [
      "an edge of today, and objects that speak the version before",
      { objectsEnv: { BAILIWICK_OBJECTS_VERSION_MAX: "1" } },
    ],
  ])("%s serve every kind of call, so that either side may be rolled out first", async (_which, options) => {
    const split = await startSplitLab({ edges: 1, ...options });
    try {
      const tenant = await split.all.newTenant();
      const client = split.all.openai(tenant.apiKey);
      const answers = await Promise.all(
        Array.from({ length: 12 }, () =>
          split.all.ask("/v1/chat/completions", {
            key: tenant.apiKey,
            body: { model: "echo", messages: [user("x")] },
          }),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      const stream = await client.responses.create({
        model: "paced",
        input: "one two",
        background: true,
        stream: true,
      });
      const events = [];
      for await (const event of stream) events.push(event.type);
      expect(events.at(-1)).toBe("response.completed");
      expectChained(await readLedger(split.all, tenant.adminKey));
    } finally {
      await split.stop();
    }
  });
});
