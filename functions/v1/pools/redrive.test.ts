import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TaskId, TenantId, type UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { SystemEvent } from "../../../shared/contracts/ports/cell-store.ts";
import type { JobQueue, QueueName } from "../../../shared/contracts/ports/job-queue.ts";
import { err, ok } from "../../../shared/contracts/result.ts";
import { JobMessage } from "../../../shared/contracts/worker-protocol.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { cellUri, type Ticket, workloadTokens } from "../../../shared/crypto/workload-token.ts";
import { sqliteJobQueue } from "../../../shared/job-queue/sqlite.ts";
import { attribution } from "../../../test/support/tenant-fixtures.ts";
import type { Call, Deps } from "../../context.ts";
import { asProblem } from "../../pipeline/problem-response.ts";
import { redriveDeadLetter } from "./redrive.ts";

const START = 1_795_000_000_000;
const AT: QueueName = { pool: "gpu", class: "interactive" };
const TASK = TaskId.parse(`task_${"1".repeat(26)}`);
const tokens = workloadTokens([new Uint8Array(32).fill(7)], cellUri("local"));
const others = workloadTokens([new Uint8Array(32).fill(8)], cellUri("local"));

let home: string;
let queue: JobQueue;
let now: number;
let task: "queued" | "done" | "gone";
let written: SystemEvent[];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "bailiwick-letters-"));
  [now, task, written] = [START, "queued", []];
  const clock = { now: () => now as UnixMs }; // safe because: milliseconds
  queue = await sqliteJobQueue({ path: join(home, "queue.sqlite"), clock, jurisdiction: "local" });
});
afterEach(async () => {
  await queue.close();
  rmSync(home, { recursive: true, force: true });
});

/** A job of a task whose ticket ends ten minutes from the start, given up. */
async function given(up: { signer?: typeof tokens; pool?: string; context?: string } = {}) {
  const context = JSON.stringify({ schema_version: 1, task: TASK, deadline: START + 300_000 });
  const ticket: Ticket = {
    ...{ sub: TASK, tenant: TenantId.parse("acme"), pool: up.pool ?? "gpu", class: "interactive" },
    ctx: sha256Hex(context),
  };
  const signed = await (up.signer ?? tokens).signTicket(ticket, { now: START, expires: START + 600_000 });
  const message = { schema_version: 1, type: "bailiwick.run.v1", ticket: signed, context: up.context ?? context };
  const body = JSON.stringify(message);
  await queue.send({ queue: AT, body, tenant: "acme", traceparent: "" });
  const [job] = await queue.receive(AT, { max: 1, wait_ms: 0, visibility_ms: 1_000 });
  if (!job) throw new Error("nothing came");
  await queue.bury(job, "received too often");
  const [letter] = await queue.dead(AT, { after: null, limit: 1 });
  return { body, ticket, letter: `interactive.${letter?.id}` };
}

/** As an operator asks for it; `tell` is what happens when the ledger is written. */
async function redrive(letter: string, tell: (event: SystemEvent) => void = () => {}, operator = true) {
  const deps = {
    clock: { now: () => now },
    jobQueue: queue,
    workers: { tokens },
    poolWatch: { sent: () => {} },
    tasks: {
      detached: async () =>
        task === "gone" ? err({ reason: "expired" }) : ok({ phase: task, attempts: 0, deadline: START + 300_000 }),
    },
    cellStore: {
      async system(events: readonly SystemEvent[]) {
        for (const event of events) tell(event);
        written.push(...events);
      },
    },
  } as unknown as Deps; // safe because: the operation touches no other port
  const call = {
    actor: { cell_operator: operator },
    snapshot: { pools: { gpu: { name: "gpu" } } },
    params: { pool: "gpu", letter_id: letter },
    by: attribution({ subject: "user:operator" }),
  } as unknown as Call; // safe because: it reads nothing else
  const reply = await redriveDeadLetter.execute(deps, call);
  return reply.kind === "value" ? reply.value : null;
}
const dead = async () => (await queue.dead(AT, { after: null, limit: 9 })).length;
const next = async () => (await queue.receive(AT, { max: 1, wait_ms: 0, visibility_ms: 1_000 }))[0]?.body;

describe("a redrive", () => {
  it("sends the very message again while its ticket is good", async () => {
    const { body, letter } = await given();
    expect(await redrive(letter)).toMatchObject({ task_id: TASK, ticket_renewed: false });
    expect([await next(), await dead()]).toEqual([body, 0]);
  });

  it("renews a ticket that has ended, for the same task and the same context", async () => {
    const { body, ticket, letter } = await given();
    now = START + 600_000;
    expect(await redrive(letter)).toMatchObject({ task_id: TASK, ticket_renewed: true });
    const sent = JobMessage.parse(JSON.parse((await next()) ?? ""));
    expect(sent.context).toBe(JobMessage.parse(JSON.parse(body)).context);
    expect(await tokens.readTicket(sent.ticket, now)).toEqual(
      ok({ ...ticket, expires_ms: START + 600_000 + LIMITS.ticketGraceMs }),
    );
  });

  it.each([
    ["done", "task-settled"],
    ["gone", "task-forgotten"],
  ] as const)(
    "of a task that is %s is refused and leaves the letter, so that nothing is charged twice",
    async (is, slug) => {
      const { letter } = await given();
      task = is;
      await expect(redrive(letter)).rejects.toMatchObject({ slug });
      expect([await next(), await dead(), written]).toEqual([undefined, 1, []]);
    },
  );

  it.each([
    ["another key signed", { signer: others }],
    ["was for another pool", { pool: "cpu" }],
    ["has another context than its ticket", { context: '{"schema_version":1,"deadline":1}' }],
  ])("of a message that %s is refused, so that nobody makes jobs by way of the dead letters", async (_what, up) => {
    const { letter } = await given(up);
    await expect(redrive(letter)).rejects.toMatchObject({ slug: "dead-letter-unreadable" });
    expect([await next(), await dead(), written]).toEqual([undefined, 1, []]);
  });

  it("is in the cell's ledger before it is done, so that none is unrecorded", async () => {
    const { letter } = await given();
    await expect(
      redrive(letter, () => {
        throw new Error("the ledger is away");
      }),
    ).rejects.toThrow("away");
    expect([await next(), await dead()]).toEqual([undefined, 1]);
    await redrive(letter);
    expect(written).toMatchObject([
      {
        ...{ kind: "dead_letter.redriven", operated: { action: "cell:write", by: { subject: "user:operator" } } },
        detail: { pool: "gpu", letter, task: TASK, tenant: "acme", given_up: "received too often" },
      },
    ]);
  });

  it("while the queue is away is told as that, so that its caller asks again", async () => {
    const { letter } = await given();
    await queue.close();
    const failed = await redrive(letter).catch(asProblem);
    expect(failed).toMatchObject({ slug: "store-unavailable", extensions: { retryAfterMs: 1_000 } });
  });

  it("of a letter that somebody else redrove meanwhile is a 404, so that one letter is one job", async () => {
    const { letter } = await given();
    await redrive(letter);
    await expect(redrive(letter)).rejects.toMatchObject({ slug: "not-found" });
    expect([typeof (await next()), await next()]).toEqual(["string", undefined]);
  });

  it("is an operator's of the cell, whatever policy says", async () => {
    const { letter } = await given();
    await expect(redrive(letter, () => {}, false)).rejects.toMatchObject({ slug: "forbidden" });
    expect(await dead()).toBe(1);
  });
});
