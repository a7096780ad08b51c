import { describe, expect, it } from "vitest";
import type { BatchId, FileId, UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { NewBatch, ValidatedLines } from "../../shared/contracts/ports/batch-store.ts";
import { migrate } from "../runtime/migrate.ts";
import { openMemorySql } from "../runtime/node-sql.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { nextTimer } from "../runtime/timers.ts";
import { batch, cancelBatch, createBatch } from "./batches.ts";
import { beginFile, dropFile, file, files, keepFile, removedFile } from "./files.ts";
import { BATCH_MIGRATIONS } from "./migrations.ts";
import { batchObjectClass, dueBatchWork } from "./object-class.ts";
import * as turn from "./turn.ts";

const LIFE_MS = 10_000;
const fileId = (n: number) => `file-${String(n).padStart(26, "0")}` as FileId; // safe because: that is its form
const ID = `batch_${"0".repeat(26)}` as BatchId; // safe because: that is its form
const NO_USAGE = { input_tokens: 0, cached_tokens: 0, output_tokens: 0, reasoning_tokens: 0 };
const fenced = { ok: false, error: { reason: "fenced" } };

function open() {
  const sql = openMemorySql();
  const env: CoreEnv = { now: 1_000_000, mint: () => "0".repeat(26) };
  migrate(sql, BATCH_MIGRATIONS);
  const sweep = () => batchObjectClass(null).sweep?.(sql, env);
  return { sql, env, sweep };
}

function value<T>(outcome: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.error));
  return outcome.value;
}

function begun() {
  const t = open();
  const spec: NewBatch = {
    id: ID,
    workspace: "default",
    endpoint: "/v1/chat/completions",
    input_file: fileId(1),
    output_file: fileId(2),
    error_file: fileId(3),
    sealed: new Uint8Array([1]),
    expires_ms: (t.env.now + LIMITS.batchWindowMsMax) as UnixMs, // safe because: milliseconds
    output_life_ms: null,
  };
  createBatch(t.sql, t.env, spec);
  const lease = () => value(turn.leaseBatch(t.sql, t.env, ID, LIFE_MS));
  return { ...t, spec, lease };
}

const step = (over: Partial<ValidatedLines>): ValidatedLines => ({
  place: { offset: 100, line: 2 },
  ids: [
    { line: 1, hash: "a" },
    { line: 2, hash: "b" },
  ],
  errors: [],
  model: "m",
  done: true,
  ...over,
});

function running() {
  const t = begun();
  const { fence } = t.lease();
  value(turn.validated(t.sql, t.env, ID, fence, step({})));
  const lines = [
    { line: 1, offset: 0, length: 49 },
    { line: 2, offset: 50, length: 49 },
  ];
  value(turn.takeLines(t.sql, t.env, ID, fence, { place: { offset: 100, line: 2 }, lines, done: true }));
  return { ...t, fence, lines };
}

const settled = (lines: number[], part: number) => ({
  lines: lines.map((line) => ({ line, ok: true })),
  usage: { ...NO_USAGE, input_tokens: 10 * lines.length },
  output: part,
  errors: null,
});
const now = (sql: Sql, env: CoreEnv) => value(batch(sql, env, ID));

describe("a file", () => {
  const kept = { purpose: "batch", bytes: 3, name: "n", expires_ms: null } as const;

  it("is seen by nobody before its content is whole, and its content is removed when it never is", () => {
    const { sql, env, sweep } = open();
    beginFile(sql, env, { id: fileId(1), workspace: "w" });
    expect(file(sql, env, fileId(1)).ok).toBe(false);
    env.now += 2 * LIMITS.uploadMsMax;
    sweep();
    expect(dueBatchWork(sql, env).files).toEqual([fileId(1)]);
    removedFile(sql, fileId(1));
    expect(nextTimer(sql)).toBeNull();
  });

  it("is gone with the millisecond that it expires in, though the alarm comes later", () => {
    const { sql, env, sweep } = open();
    beginFile(sql, env, { id: fileId(1), workspace: "w" });
    const expires_ms = (env.now + 5_000) as UnixMs; // safe because: milliseconds
    keepFile(sql, env, fileId(1), { ...kept, expires_ms });
    expect(file(sql, env, fileId(1)).ok).toBe(true);
    env.now = expires_ms;
    expect(file(sql, env, fileId(1)).ok).toBe(false);
    sweep();
    expect(dueBatchWork(sql, env).files).toEqual([fileId(1)]);
  });

  it("is listed to its own workspace in order and in pages, and not once it is deleted", () => {
    const { sql, env } = open();
    for (const n of [1, 2, 3, 4]) {
      beginFile(sql, env, { id: fileId(n), workspace: n === 4 ? "other" : "w" });
      keepFile(sql, env, fileId(n), kept);
    }
    const ids = (over: object) =>
      files(sql, env, { workspace: "w", purpose: null, after: null, limit: 10, order: "desc", ...over }).data.map(
        ({ id }) => id,
      );
    expect(ids({})).toEqual([fileId(3), fileId(2), fileId(1)]);
    expect(ids({ workspace: null }).length).toBe(4);
    expect(ids({ order: "asc", after: fileId(1), limit: 1 })).toEqual([fileId(2)]);
    expect(ids({ purpose: "user_data" })).toEqual([]);
    dropFile(sql, env, fileId(2));
    expect(ids({})).toEqual([fileId(3), fileId(1)]);
  });
});

describe("a batch", () => {
  it("is driven by one at a time: whoever lost it writes nothing more", () => {
    const { sql, env, lease } = begun();
    const first = lease();
    expect(turn.leaseBatch(sql, env, ID, LIFE_MS)).toMatchObject({ ok: false, error: { reason: "leased" } });
    env.now += LIFE_MS;
    const second = lease();
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(turn.validated(sql, env, ID, first.fence, step({}))).toEqual(fenced);
    expect(turn.finishBatch(sql, env, ID, first.fence, { has_output: false, has_errors: false })).toEqual(fenced);
  });

  it("is taken up again when whoever drives it dies", () => {
    const { sql, env, lease } = begun();
    expect(dueBatchWork(sql, env).turns).toEqual([ID]);
    lease();
    env.now += LIFE_MS - 1;
    expect(dueBatchWork(sql, env).turns).toEqual([]);
    env.now += 1;
    expect(dueBatchWork(sql, env).turns).toEqual([ID]);
  });

  it("fails when two lines have one custom id, also in different steps, so that no two results bear it", () => {
    const { sql, env, lease } = begun();
    const { fence } = lease();
    value(turn.validated(sql, env, ID, fence, step({ done: false })));
    const place = { offset: 200, line: 3 };
    const failed = value(turn.validated(sql, env, ID, fence, step({ place, ids: [{ line: 3, hash: "a" }] })));
    expect(failed).toMatchObject({
      status: "failed",
      errors: [{ code: "duplicate_custom_id", line: 3 }],
      counts: { total: 0 },
    });
    expect(turn.leaseBatch(sql, env, ID, LIFE_MS)).toMatchObject({ ok: false, error: { reason: "finished" } });
  });

  it("counts a step that is repeated once, so that a crash in between doubles nothing", () => {
    const { sql, env, lease } = begun();
    const { fence } = lease();
    value(turn.validated(sql, env, ID, fence, step({ done: false })));
    const again = step({ place: { offset: 50, line: 1 }, done: false });
    expect(value(turn.validated(sql, env, ID, fence, again)).counts.total).toBe(2);
  });

  it("gives lines that are outside to whoever goes on, with their attempts, and settles each once", () => {
    const { sql, env, fence, lease, lines } = running();
    expect(value(turn.retryLine(sql, env, ID, fence, 2))).toEqual({ attempt: 1 });
    env.now += LIFE_MS;
    const next = lease();
    expect(next).toMatchObject({
      drained: true,
      lines: [
        { ...lines[0], attempt: 0 },
        { ...lines[1], attempt: 1 },
      ],
    });
    value(turn.settleLines(sql, env, ID, next.fence, settled([1], 0)));
    const again = value(turn.settleLines(sql, env, ID, next.fence, settled([1], 0)));
    expect(again).toMatchObject({ counts: { completed: 1 }, usage: { input_tokens: 10 } });
    env.now += LIFE_MS;
    expect(lease()).toMatchObject({ lines: [{ line: 2 }], parts: { output: 1, errors: 0 } });
  });

  it("tells which parts are settled, and removes what a runner that lost it may have left", () => {
    const { sql, env, fence, lease } = running();
    const fenced = { ...settled([1], 0), fenced: true };
    // The first one stands still behind its lease, and may write its first part at any time.
    env.now += LIFE_MS;
    const second = lease();
    value(turn.settleLines(sql, env, ID, second.fence, fenced));
    expect(turn.settleLines(sql, env, ID, fence, fenced)).toMatchObject({ ok: false });
    // The second one fails behind what it settled, and gives it back.
    value(turn.releaseBatch(sql, env, ID, second.fence, 1));
    const third = lease();
    expect(third).toMatchObject({ parts: { output: 1, errors: 0 }, written: { output: [second.fence], errors: [] } });
    value(turn.settleLines(sql, env, ID, third.fence, { ...settled([2], 1), fenced: true }));
    // A turn that ends in order leaves nothing.
    value(turn.releaseBatch(sql, env, ID, third.fence, 0));
    const last = lease();
    expect(last.written).toEqual({ output: [second.fence, third.fence], errors: [] });
    value(turn.finishBatch(sql, env, ID, last.fence, { has_output: true, has_errors: false }));
    const part = (kind: "output" | "errors", part: number, fence: number) => ({ kind, part, fence });
    const [due] = dueBatchWork(sql, env).parts;
    expect(due?.parts.slice(0, 2)).toEqual([part("output", 0, second.fence), part("output", 1, third.fence)]);
    expect(new Set(due?.parts.slice(2).map((each) => JSON.stringify(each)))).toEqual(
      new Set(
        [
          part("output", 0, fence),
          part("errors", 0, fence),
          part("output", 1, second.fence),
          part("errors", 0, second.fence),
        ].map((each) => JSON.stringify(each)),
      ),
    );
  });

  it("ends completed, and removes what its files were put together from", () => {
    const { sql, env, fence } = running();
    value(turn.settleLines(sql, env, ID, fence, settled([1, 2], 0)));
    value(turn.finalizing(sql, env, ID, fence));
    value(turn.finishBatch(sql, env, ID, fence, { has_output: true, has_errors: false }));
    expect(now(sql, env)).toMatchObject({ status: "completed", counts: { total: 2, completed: 2 }, has_output: true });
    expect(dueBatchWork(sql, env).parts).toEqual([{ batch: ID, parts: [{ kind: "output", part: 0, fence: 0 }] }]);
  });

  it("ends expired when it was put together after its time", () => {
    const { sql, env, fence, spec } = running();
    env.now = spec.expires_ms;
    value(turn.finalizing(sql, env, ID, fence));
    value(turn.finishBatch(sql, env, ID, fence, { has_output: false, has_errors: true }));
    expect(now(sql, env)).toMatchObject({ status: "expired", times: { expired: env.now } });
  });

  it("is cancelled by whoever drives it, or at once by the next one, and stays ended", () => {
    const { sql, env, fence } = running();
    expect(value(cancelBatch(sql, env, ID)).status).toBe("cancelling");
    expect(value(turn.renewBatch(sql, env, ID, fence)).status).toBe("cancelling");
    value(turn.finishBatch(sql, env, ID, fence, { has_output: false, has_errors: true }));
    expect(now(sql, env).status).toBe("cancelled");
    expect(value(cancelBatch(sql, env, ID)).status).toBe("cancelled");
  });

  it("is not created when as many of the tenant run as may", () => {
    const { sql, env, spec } = begun();
    for (let n = 1; n < LIMITS.batchesActiveMax; n++)
      value(createBatch(sql, env, { ...spec, id: `batch_${String(n).padStart(26, "0")}` as BatchId })); // safe because: that is its form
    expect(createBatch(sql, env, { ...spec, id: `batch_${"z".repeat(26)}` as BatchId })).toEqual({
      ok: false,
      error: { reason: "limit" },
    });
  });
});
