import { isJsonObject, type JsonObject, type JsonValue } from "../contracts/json.ts";
import { canonicalJson } from "../crypto/canonical-json.ts";
import { COMMITMENT_SALT_BYTES, commitmentHex } from "../crypto/commitment.ts";
import { decodeHex } from "../crypto/hex.ts";
import type { ReadEntry } from "./entry.ts";
import { type Fault, fault } from "./fault.ts";
import type { TaskPredicate } from "./task-predicate.ts";

const CLOSING: readonly string[] = ["task.closed", "task.abandoned", "task.corrected"];

/** Which entries speak for a task, as docs/ledger.md §4 names them. */
interface TaskEntries {
  first: ReadEntry;
  opening: ReadEntry;
  closing: ReadEntry | null;
}

function entriesOf(first: ReadEntry, entries: readonly ReadEntry[]): TaskEntries {
  const opening = entries.find(({ kind }) => kind === "task.opened") ?? first;
  return { first, opening, closing: entries.findLast(({ kind }) => CLOSING.includes(kind)) ?? null };
}

/** Whether the entries are of the predicate's task, and all that it repeats of them is what they say. */
export function claimsFault(predicate: TaskPredicate, entries: readonly ReadEntry[]): Fault | null {
  const [first] = entries;
  if (first === undefined) return fault("opening_missing", "there is no entry");
  for (const { value, seq } of entries)
    if (value.task !== predicate.task.id) return fault("task_differs", "the entry is of another task", seq);
  if (!/^(?:task\.opened|approval\.[a-z_]+|call\.refused)$/.test(first.kind))
    return fault("opening_missing", "the first entry neither opens the task nor refuses it nor asks for it", first.seq);
  for (const [member, stated, inEntries, { seq }] of claims(predicate, entriesOf(first, entries)))
    if (canonicalJson(stated) !== canonicalJson(inEntries))
      return fault("claim_differs", `${member} is not what the entry says`, seq);
  return null;
}

type Claim = [member: string, stated: JsonValue, inEntries: JsonValue, by: ReadEntry];

function claims(predicate: TaskPredicate, { first, opening, closing }: TaskEntries): Claim[] {
  const { task, actor, decision, residency, release } = predicate;
  const opened = opening.detail;
  const closed = closing?.detail ?? {};
  const last = closing ?? opening;
  const { value } = opening;
  const running = String(value.release ?? "");
  const plus = running.indexOf("+");
  const actors = ["subject", "credential", "acr", "tenant", "workspace", "project", "environment"] as const;
  return [
    ["task.operation", task.operation, opened.operation ?? null, opening],
    ["task.intent", task.intent, opened.intent ?? null, opening],
    ["task.status", task.status, closed.status ?? null, last],
    ["task.created", task.created, first.at, first],
    ["task.finished", task.finished, closing?.at ?? null, last],
    ...actors.map((name): Claim => [`actor.${name}`, actor[name], value[name] ?? null, opening]),
    ["decision.id", decision.id, value.decision ?? null, opening],
    ["decision.obligations", decision.obligations, closed.obligations ?? [], last],
    ["route", predicate.route, routeOf(closed.route), last],
    ["usage", predicate.usage, closed.usage ?? [], last],
    ["cost_nusd", predicate.cost_nusd, closed.cost_nusd ?? 0, last],
    ["estimated", predicate.estimated, closed.estimated ?? false, last],
    ["idempotency.keyed", predicate.idempotency.keyed, opened.keyed ?? false, opening],
    ["residency.cell", residency.cell, value.cell ?? null, opening],
    ["residency.region", residency.region, value.region ?? null, opening],
    ["release.version", release.version, plus < 0 ? running : running.slice(0, plus), opening],
    ["release.digest", release.digest, plus < 0 ? null : running.slice(plus + 1), opening],
  ];
}

/** `chosen_by` stays in the ledger; a route that did not fit into its entry is told by its digest there. */
function routeOf(route: JsonValue | undefined): JsonValue {
  if (route === undefined || !isJsonObject(route) || "omitted" in route) return null;
  const { chosen_by: _, ...told } = route;
  return { ...told, model_digest: told.model_digest ?? null };
}

/** Bodies that the verifier's user has, to open commitments with. */
export type Bodies = Partial<Record<"request" | "response", Uint8Array>>;

/** Whether commitments are those of the entries, salts are salts, and a body at hand opens its own. */
export function commitmentsFault(
  predicate: TaskPredicate,
  entries: readonly ReadEntry[],
  bodies: Bodies,
): Fault | null {
  const [first] = entries;
  if (first === undefined) return fault("opening_missing", "there is no entry");
  const { opening, closing } = entriesOf(first, entries);
  const ledgered = { request: digestIn(opening.detail, "request"), response: digestIn(closing?.detail, "response") };
  const by = { request: opening, response: closing ?? opening };
  for (const name of ["request", "response"] as const) {
    const stated = predicate.commitments[name];
    if ((stated?.digest ?? null) !== ledgered[name])
      return fault("commitment_differs", `the commitment to the ${name} is not the one of the entry`, by[name].seq);
    const salt = stated?.salt == null ? null : decodeHex(stated.salt);
    if (stated?.salt != null && salt?.length !== COMMITMENT_SALT_BYTES)
      return fault("salt_malformed", `the salt of the ${name} is not 16 bytes in lower-case hex`);
    if (salt !== null && predicate.commitments.erased)
      return fault("salt_malformed", `the ${name} has a salt, though they are said to be erased`);
    const body = bodies[name];
    if (body === undefined) continue;
    if (stated === null || salt === null)
      return fault("commitment_not_opened", `there is no salt to open the commitment to the ${name} with`);
    if (commitmentHex(salt, body) !== stated.digest)
      return fault("commitment_not_opened", `your ${name} is not what was committed to`);
  }
  return null;
}

function digestIn(detail: JsonObject | undefined, name: "request" | "response"): string | null {
  const call = detail?.call;
  if (call === undefined || !isJsonObject(call)) return null;
  const digest = call[name];
  return typeof digest === "string" ? digest : null;
}
