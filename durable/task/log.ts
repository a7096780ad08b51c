import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { FenceRefusal, LogEnd, LogHead, LogPart } from "../../shared/contracts/ports/task-log.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { detachedRow, finishTask, held, unseenFrames } from "./detached.ts";

export function openLog(sql: Sql, fence: number, head: LogHead): Result<null, FenceRefusal> {
  const row = held(sql, fence);
  if (!row.ok) return row;
  const text = canonicalJson(JSON.parse(JSON.stringify(head)) as JsonObject); // safe because: a head is plain data
  if (row.value.head === text) return ok(null);
  if (row.value.frames > 0) return err({ reason: "fenced" });
  sql.run("UPDATE detached SET head = ?", text);
  return ok(null);
}

export function appendLog(
  sql: Sql,
  fence: number,
  { from, frames, sealed, unseen }: LogPart,
): Result<{ cancel: boolean }, FenceRefusal> {
  if (frames < 1 || sealed.byteLength > LIMITS.sqlChunkBytes) throw new RangeError("a part of a log is out of bounds");
  const row = held(sql, fence);
  if (!row.ok) return row;
  const { head, frames: durable, cancel } = row.value;
  if (head === null) throw new RangeError("a log has no head yet");
  if (from + frames - 1 <= durable) return ok({ cancel: cancel === 1 });
  // What was kept unseen before is of a run that was lost, or did not end as it meant to.
  if (from === durable + 1) dropUnseen(sql, durable);
  const kept = unseen === true ? unseenFrames(sql, durable) : 0;
  if (from !== durable + kept + 1) throw new RangeError("a part of a log leaves a gap");
  sql.run("INSERT INTO log_part (first, frames, sealed) VALUES (?, ?, ?)", from, frames, sealed);
  if (unseen !== true) sql.run("UPDATE detached SET frames = ?", from + frames - 1);
  return ok({ cancel: cancel === 1 });
}

/**
 * Takes over parts that were durable elsewhere, in order, whoever wrote them: nobody had a later lease then. What is here
 * already, or of a task that has ended, changes nothing. Answers the last frame that they hold.
 */
export function foldParts(sql: Sql, parts: readonly LogPart[]): number {
  const last = parts.at(-1);
  if (last === undefined) return 0;
  const row = detachedRow(sql);
  if (row && row.phase !== "done" && row.head !== null) {
    let { frames } = row;
    for (const part of parts) {
      if (part.from !== frames + 1) continue;
      if (frames === row.frames) dropUnseen(sql, frames);
      sql.run("INSERT INTO log_part (first, frames, sealed) VALUES (?, ?, ?)", part.from, part.frames, part.sealed);
      frames += part.frames;
    }
    if (frames > row.frames) sql.run("UPDATE detached SET frames = ?", frames);
  }
  return last.from + last.frames - 1;
}

const dropUnseen = (sql: Sql, seen: number): void => sql.run("DELETE FROM log_part WHERE first > ?", seen);

export function closeLog(sql: Sql, env: CoreEnv, fence: number, end: LogEnd): Result<null, FenceRefusal> {
  const row = detachedRow(sql);
  // Said twice: the answer to the first was lost.
  if (row?.phase === "done" && row.fence === fence && row.ended === end) return ok(null);
  const mine = held(sql, fence);
  if (!mine.ok) return mine;
  if (mine.value.head === null) throw new RangeError("a log has no head yet");
  const { frames } = mine.value;
  if (end === "complete") sql.run("UPDATE detached SET frames = ?", frames + unseenFrames(sql, frames));
  else dropUnseen(sql, frames);
  finishTask(sql, env, end);
  return ok(null);
}

/** What a watcher behind frame `after` can be given now. */
export interface LogPage {
  head: LogHead | null;
  parts: LogPart[];
  /** Frames that are durable. */
  frames: number;
  end: LogEnd | null;
  /** There may be further parts. */
  more: boolean;
}

/** Rows that one look answers: at most some MiB. */
const PAGE_PARTS = 8;

export function readLog(
  sql: Sql,
  env: CoreEnv,
  after: number,
): Result<LogPage, { reason: "not_found" } | { reason: "expired" }> {
  const row = detachedRow(sql);
  if (!row) return err({ reason: "not_found" });
  if (row.expires_ms <= env.now) return err({ reason: "expired" });
  const parts = sql.all<{ first: number; frames: number; sealed: Uint8Array }>(
    "SELECT first, frames, sealed FROM log_part WHERE first + frames > ? AND first <= ? ORDER BY first LIMIT ?",
    after + 1,
    row.frames,
    PAGE_PARTS,
  );
  return ok({
    head: row.head === null ? null : (JSON.parse(row.head) as LogHead), // safe because: `openLog` wrote it
    parts: parts.map(({ first, frames, sealed }) => ({ from: first, frames, sealed })),
    frames: row.frames,
    end: row.ended,
    more: parts.length === PAGE_PARTS,
  });
}
