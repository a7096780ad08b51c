import { describe, expect, it } from "vitest";
import type { BatchId, FileId, UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { BatchError, NewBatch, ValidatedLines } from "../../shared/contracts/ports/batch-store.ts";
import { migrate } from "../runtime/migrate.ts";
import { openMemorySql } from "../runtime/node-sql.ts";
import type { CoreEnv } from "../runtime/sql.ts";
import { nextTimer } from "../runtime/timers.ts";
import { activeBatches, batch, batches, cancelBatch, createBatch, forgetBatch } from "./batches.ts";
import { beginFile, dropFile, file, files, keepFile, removedFile } from "./files.ts";
import { BATCH_MIGRATIONS } from "./migrations.ts";
import { dueBatchWork } from "./object-class.ts";
import * as turn from "./turn.ts";

const LIFE_MS = 10_000;
const RETRY_MS = 3_000;
const batchId = (n: number) => `batch_${String(n).padStart(26, "0")}` as BatchId; // safe because: that is its form
const fileId = (n: number) => `file-${String(n).padStart(26, "0")}` as FileId; // safe because: that is its form
const ID = batchId(0);
const USED = { input_tokens: 3, cached_tokens: 1, output_tokens: 2, reasoning_tokens: 1 };
const PAGE = { workspace: null, after: null, limit: 10, order: "desc" } as const;
const refused = (reason: string, more: object = {}) => ({ ok: false, error: { reason, ...more } });

function value<T>(outcome: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.error));
  return outcome.value;
}
function open() {
  const sql = openMemorySql();
  const env: CoreEnv = { now: 1_000_000, mint: () => "0".repeat(26) };
  migrate(sql, BATCH_MIGRATIONS);
  const made = (n: number, workspace = "w"): NewBatch => ({
    ...{ id: batchId(n), workspace, endpoint: "/v1/chat/completions", sealed: new Uint8Array([1]) },
    ...{ input_file: fileId(1), output_file: fileId(2), error_file: fileId(3), output_life_ms: null },
    expires_ms: (env.now + LIMITS.batchWindowMsMax) as UnixMs, // safe because: milliseconds
  });
  const lease = () => value(turn.leaseBatch(sql, env, ID, LIFE_MS));
  return { sql, env, made, lease };
}
const steps = (over: Partial<ValidatedLines> = {}): ValidatedLines => ({
  ...{ place: { offset: 100, line: 2 }, errors: [], model: "m", done: true },
  ids: [
    { line: 1, hash: "a" },
    { line: 2, hash: "b" },
  ],
  ...over,
});
function begun() {
  const t = open();
  value(createBatch(t.sql, t.env, t.made(0)));
  return t;
}
function running() {
  const t = begun();
  const { fence } = t.lease();
  value(turn.validated(t.sql, t.env, ID, fence, steps()));
  const lines = [1, 2].map((line) => ({ line, offset: 50 * (line - 1), length: 49 }));
  const taken = { place: { offset: 100, line: 2 }, lines, done: true };
  value(turn.takeLines(t.sql, t.env, ID, fence, taken));
  return { ...t, fence, taken };
}
const wrong = (line: number): BatchError => ({ code: "invalid_json", line, message: "no JSON", param: null });

describe("whoever drives a batch", () => {
  it("has it as long as its steps go on, so that nobody else asks for the same lines", () => {
    const { sql, env, fence } = running();
    env.now += LIFE_MS - 1;
    value(turn.renewBatch(sql, env, ID, fence));
    env.now += LIFE_MS - 1;
    expect(turn.leaseBatch(sql, env, ID, LIFE_MS)).toEqual(refused("leased", { retry_after_ms: 1 }));
    expect(dueBatchWork(sql, env).turns).toEqual([]);
    env.now += 1;
    expect(dueBatchWork(sql, env).turns).toEqual([ID]);
  });

  it("is shut out by giving it back, and it is taken up again after the time that was asked for", () => {
    const { sql, env, fence, taken } = running();
    expect(turn.releaseBatch(sql, env, ID, fence, RETRY_MS)).toEqual({ ok: true, value: null });
    for (const late of [
      turn.renewBatch(sql, env, ID, fence),
      turn.releaseBatch(sql, env, ID, fence, 0),
      turn.takeLines(sql, env, ID, fence, taken),
      turn.retryLine(sql, env, ID, fence, 1),
      turn.settleLines(sql, env, ID, fence, { lines: [{ line: 1, ok: true }], usage: USED, output: 0, errors: null }),
      turn.finalizing(sql, env, ID, fence),
    ])
      expect(late).toEqual(refused("fenced"));
    expect(dueBatchWork(sql, env).turns).toEqual([]);
    env.now += RETRY_MS;
    expect(dueBatchWork(sql, env).turns).toEqual([ID]);
    expect(value(turn.leaseBatch(sql, env, ID, LIFE_MS)).batch.counts).toMatchObject({ completed: 0, failed: 0 });
  });

  it("finds where the one before it was, as far as that is durable", () => {
    const { sql, env, lease } = begun();
    const { fence, place, drained } = lease();
    expect([place, drained]).toEqual([{ offset: 0, line: 0 }, false]);
    value(turn.validated(sql, env, ID, fence, steps({ done: false })));
    env.now += LIFE_MS;
    expect(lease()).toMatchObject({ place: { offset: 100, line: 2 }, drained: false, parts: { output: 0, errors: 0 } });
  });

  it("is told that there is no such batch, so that an id that was made up makes none", () => {
    const { sql, env, made } = open();
    for (const seen of [
      batch(sql, env, ID),
      cancelBatch(sql, env, ID),
      turn.leaseBatch(sql, env, ID, LIFE_MS),
      turn.renewBatch(sql, env, ID, 0),
      turn.validated(sql, env, ID, 0, steps()),
      turn.finishBatch(sql, env, ID, 0, { has_output: false, has_errors: false }),
      keepFile(sql, env, fileId(1), { purpose: "batch", bytes: 1, name: "n", expires_ms: null }),
    ])
      expect(seen).toEqual(refused("not_found"));
    expect([nextTimer(sql), made(0).id]).toEqual([null, ID]);
  });

  it("is told of a line that is not outside any more", () => {
    const { sql, env, fence } = running();
    expect(turn.retryLine(sql, env, ID, fence, 9)).toEqual(refused("not_found"));
  });
});

describe("batches side by side", () => {
  it("end each for itself: one that ends takes no lease, line or name from the others", () => {
    const { sql, env, made, fence } = running();
    const [checked, outside] = [batchId(1), batchId(2)];
    for (const n of [1, 2]) value(createBatch(sql, env, made(n)));
    const own = value(turn.leaseBatch(sql, env, checked, LIFE_MS)).fence;
    value(turn.validated(sql, env, checked, own, steps({ done: false })));
    const other = value(turn.leaseBatch(sql, env, outside, LIFE_MS)).fence;
    value(turn.validated(sql, env, outside, other, steps()));
    const lines = [{ line: 1, offset: 0, length: 49 }];
    value(turn.takeLines(sql, env, outside, other, { place: { offset: 50, line: 1 }, lines, done: false }));

    const done = { usage: USED, output: 0, errors: null };
    value(turn.settleLines(sql, env, ID, fence, { ...done, lines: [1, 2].map((line) => ({ line, ok: true })) }));
    value(turn.finalizing(sql, env, ID, fence));
    value(turn.finishBatch(sql, env, ID, fence, { has_output: true, has_errors: false }));

    for (const id of [checked, outside])
      expect(turn.leaseBatch(sql, env, id, LIFE_MS)).toEqual(refused("leased", { retry_after_ms: LIFE_MS }));
    const again = steps({ place: { offset: 200, line: 3 }, ids: [{ line: 3, hash: "a" }] });
    expect(value(turn.validated(sql, env, checked, own, again)).status).toBe("failed");
    env.now += LIFE_MS;
    expect(value(turn.leaseBatch(sql, env, outside, LIFE_MS)).lines).toMatchObject([{ line: 1, attempt: 0 }]);
  });
});

describe("files side by side", () => {
  const kept = (name: string) => ({ purpose: "batch" as const, bytes: 7, name, expires_ms: null });
  const rows = (sql: ReturnType<typeof open>["sql"]) =>
    sql.all("SELECT id, state, name FROM file ORDER BY id").map(({ id, state, name }) => [id, state, name]);

  it("are kept and removed each for itself, so that no upload is seen before it is whole, and no content stays without its row", () => {
    const { sql, env } = open();
    for (const n of [1, 2, 3, 4]) value(beginFile(sql, env, { id: fileId(n), workspace: "w" }));
    for (const n of [1, 3, 4]) value(keepFile(sql, env, fileId(n), kept(`n${n}`)));
    expect(file(sql, env, fileId(2))).toEqual(refused("not_found"));
    expect(value(keepFile(sql, env, fileId(1), kept("another"))).name).toBe("n1");
    for (const n of [1, 3]) value(dropFile(sql, env, fileId(n)));
    for (const n of [1, 2, 4]) removedFile(sql, fileId(n));
    expect(rows(sql)).toEqual([
      [fileId(2), "pending", ""],
      [fileId(3), "gone", "n3"],
      [fileId(4), "kept", "n4"],
    ]);
  });

  it("count against their bound until they are gone, uploads on their way included", () => {
    const { sql, env } = open();
    sql.enter();
    for (let n = 1; n <= LIMITS.filesPerTenantMax; n++) value(beginFile(sql, env, { id: fileId(n), workspace: "w" }));
    sql.leave();
    const more = () => beginFile(sql, env, { id: fileId(0), workspace: "w" });
    expect(more()).toEqual(refused("limit"));
    value(keepFile(sql, env, fileId(1), kept("n")));
    expect(more()).toEqual(refused("limit"));
    value(dropFile(sql, env, fileId(1)));
    expect(more().ok).toBe(true);
  });
});

describe("the lines of a batch", () => {
  it("are counted as what became of them, with what they used, and their parts are numbered on", () => {
    const { sql, env, fence, lease } = running();
    value(
      turn.settleLines(sql, env, ID, fence, { lines: [{ line: 1, ok: false }], usage: USED, output: null, errors: 0 }),
    );
    const after = value(
      turn.settleLines(sql, env, ID, fence, { lines: [{ line: 2, ok: true }], usage: USED, output: 0, errors: null }),
    );
    expect(after.counts).toEqual({ total: 2, completed: 1, failed: 1 });
    expect(after.usage).toEqual({ input_tokens: 6, cached_tokens: 2, output_tokens: 4, reasoning_tokens: 2 });
    env.now += LIFE_MS;
    expect(lease()).toMatchObject({ lines: [], parts: { output: 1, errors: 1 } });
  });

  it("are outside once, also when they are taken again behind a lost answer", () => {
    const { sql, env, lease } = begun();
    const { fence } = lease();
    value(turn.validated(sql, env, ID, fence, steps()));
    const first = { place: { offset: 50, line: 1 }, lines: [{ line: 1, offset: 0, length: 49 }], done: false };
    value(turn.takeLines(sql, env, ID, fence, first));
    value(turn.takeLines(sql, env, ID, fence, { ...first, place: { offset: 49, line: 0 } }));
    env.now += LIFE_MS;
    expect(lease()).toMatchObject({ lines: [{ line: 1, attempt: 0 }], drained: false, place: { offset: 50 } });
  });

  it("that are bad fail the batch, and say where and how, the earliest first and so many at most", () => {
    const { sql, env, lease } = begun();
    const { fence } = lease();
    const many = Array.from({ length: LIMITS.batchErrorsMax + 5 }, (_, at) => wrong(at + 10));
    value(turn.validated(sql, env, ID, fence, steps({ errors: [wrong(2)], done: false })));
    const again = steps({ place: { offset: 200, line: 4 }, ids: [{ line: 3, hash: "a" }], errors: many });
    const failed = value(turn.validated(sql, env, ID, fence, again));
    expect(failed.errors).toHaveLength(LIMITS.batchErrorsMax);
    expect(failed.errors.slice(0, 2)).toEqual([wrong(2), wrong(10)]);
    expect(failed).toMatchObject({ status: "failed", counts: { total: 0 } });
    // Nothing goes on with it: what is due is to clear up behind it.
    env.now += LIFE_MS;
    expect(dueBatchWork(sql, env)).toMatchObject({ turns: [], parts: [{ batch: ID }] });
  });

  it("that bear one custom id say of which line it is", () => {
    const { sql, env, lease } = begun();
    const { fence } = lease();
    const ids = [
      { line: 1, hash: "a" },
      { line: 2, hash: "a" },
    ];
    const { errors } = value(turn.validated(sql, env, ID, fence, steps({ ids })));
    const message = "The custom_id of this line is that of line 1.";
    expect(errors).toEqual([{ code: "duplicate_custom_id", line: 2, message, param: "custom_id" }]);
  });

  it("are not judged again once they run", () => {
    const { sql, env, fence } = running();
    const late = steps({ place: { offset: 500, line: 9 }, ids: [{ line: 9, hash: "z" }], errors: [wrong(9)] });
    expect(value(turn.validated(sql, env, ID, fence, late))).toMatchObject({
      ...{ status: "in_progress", errors: [], counts: { total: 2 } },
    });
  });
});

describe("a batch", () => {
  it("that nobody drives is cancelled by somebody who begins for that at once", () => {
    const { sql, env, lease } = begun();
    lease();
    value(cancelBatch(sql, env, ID));
    expect(dueBatchWork(sql, env).turns).toEqual([]);
    const idle = begun();
    idle.lease();
    idle.env.now += LIFE_MS / 2;
    value(turn.releaseBatch(idle.sql, idle.env, ID, 1, 60_000));
    expect(value(cancelBatch(idle.sql, idle.env, ID)).status).toBe("cancelling");
    expect(dueBatchWork(idle.sql, idle.env).turns).toEqual([ID]);
  });

  it("that is being cancelled is not put together as if it went on", () => {
    const { sql, env, fence } = running();
    value(cancelBatch(sql, env, ID));
    expect(value(turn.finalizing(sql, env, ID, fence)).status).toBe("cancelling");
  });

  it("that ended is known for a month, and nothing of it afterwards", () => {
    const { sql, env, fence } = running();
    value(turn.finalizing(sql, env, ID, fence));
    const ended = value(turn.finishBatch(sql, env, ID, fence, { has_output: false, has_errors: true }));
    expect(ended).toMatchObject({ status: "completed", has_output: false, has_errors: true });
    expect(sql.get("SELECT due_ms FROM _timers WHERE kind = 'forget'")).toEqual({
      due_ms: env.now + LIMITS.taskRowMsMax,
    });
    expect(activeBatches(sql)).toBe(0);
    forgetBatch(sql, ID);
    expect(batch(sql, env, ID)).toEqual(refused("not_found"));
    expect(sql.all("SELECT 1 FROM line UNION ALL SELECT 1 FROM bad_line UNION ALL SELECT 1 FROM custom_id")).toEqual(
      [],
    );
    expect(nextTimer(sql)).toBeNull();
  });

  it("is made once, and listed to its workspace in pages that say whether there is more", () => {
    const { sql, env, made } = open();
    for (const n of [1, 2, 3]) value(createBatch(sql, env, made(n)));
    value(createBatch(sql, env, made(4, "other")));
    env.now += 5;
    expect(value(createBatch(sql, env, made(1))).created_ms).toBe(1_000_000);
    expect(activeBatches(sql)).toBe(4);
    const page = (over: object) => {
      const { data, more } = batches(sql, env, { ...PAGE, ...over });
      return [data.map(({ id }) => Number(id.slice(6))), more];
    };
    expect(page({})).toEqual([[4, 3, 2, 1], false]);
    expect(page({ workspace: "w", limit: 2 })).toEqual([[3, 2], true]);
    expect(page({ workspace: "w", limit: 3 })).toEqual([[3, 2, 1], false]);
    expect(page({ after: batchId(3) })).toEqual([[2, 1], false]);
    expect(page({ after: batchId(2), order: "asc" })).toEqual([[3, 4], false]);
    expect(page({ order: "asc", limit: 1 })).toEqual([[1], true]);
  });
});

describe("a file that is begun", () => {
  it("is begun once: what was kept of it stays when its first answer was lost", () => {
    const { sql, env } = open();
    beginFile(sql, env, { id: fileId(1), workspace: "w" });
    value(keepFile(sql, env, fileId(1), { purpose: "batch", bytes: 3, name: "n", expires_ms: null }));
    expect(beginFile(sql, env, { id: fileId(1), workspace: "other" })).toEqual({ ok: true, value: null });
    expect(value(file(sql, env, fileId(1)))).toMatchObject({ workspace: "w", bytes: 3 });
    expect(files(sql, env, { ...PAGE, purpose: null }).more).toBe(false);
  });

  it("may take as long as an upload may, twice", () => {
    const { sql, env } = open();
    beginFile(sql, env, { id: fileId(1), workspace: "w" });
    expect(nextTimer(sql)).toBe(env.now + 2 * LIMITS.uploadMsMax);
  });
});
