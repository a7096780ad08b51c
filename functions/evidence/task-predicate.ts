import { z } from "zod";
import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import type { TaskProof } from "../../shared/contracts/log.ts";
import { OBLIGATION_IDS } from "../../shared/contracts/policy/obligations.ts";
import type { DecisionRecord } from "../../shared/contracts/policy/record.ts";
import { RouteRecord, TaskStatus } from "../../shared/contracts/task.ts";
import { UsageRow } from "../../shared/contracts/usage.ts";
import type { CommitmentSalts } from "../../shared/crypto/commitment-salts.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { type EntryFacts, entryFacts } from "./entry-facts.ts";

export const TASK_EVIDENCE_TYPE = "https://bailiwick.example.com/evidence/task/v1";

/** A store of the cell that keeps or kept something of a task, for its statement of residency. */
export interface StorePlacement {
  purpose: string;
  technology: string;
  jurisdiction: string;
  worm: "object-lock" | "bucket-lock" | "not WORM";
}

/** Where the running code's documents are; null where the deployment publishes none. */
export interface ReleaseLinks {
  sbom: string | null;
  cbom: string | null;
  provenance: string | null;
}

/** What the entries do not say themselves. */
export interface TaskCircumstances {
  generatedMs: number;
  jurisdiction: string;
  stores: readonly StorePlacement[];
  links: ReleaseLinks;
  /** Null where it is not kept any more. */
  decision: DecisionRecord | null;
  /** Null where the reader may not have them, or the key was destroyed. */
  salts: CommitmentSalts | null;
  /** The task's subject was erased: nobody is told the salts any more. */
  erased: boolean;
  transcript: { request: JsonValue; response: JsonValue } | null;
  /** Whether a provider of the configuration is one of the cell's own pools. */
  isOwnPool(provider: string): boolean;
}

const CLOSING = ["task.closed", "task.abandoned", "task.corrected"];

const Opened = z.looseObject({
  operation: z.string().nullable().default(null),
  intent: z.string().nullable().default(null),
  keyed: z.boolean().default(false),
  call: z.looseObject({ request: z.string().optional() }).default({}),
});
/** In place of what did not fit into its entry. */
const Omitted = z.looseObject({ omitted: z.string() }).transform(() => null);
const Closed = z.looseObject({
  status: TaskStatus,
  usage: z.array(UsageRow),
  cost_nusd: z.int(),
  estimated: z.boolean(),
  route: z.union([RouteRecord, Omitted]).nullable(),
  call: z.looseObject({ response: z.string().optional(), kept: z.string().optional() }).default({}),
  obligations: z
    .array(
      z.object({ id: z.enum(OBLIGATION_IDS), outcome: z.enum(["applied", "failed"]), note: z.string().nullable() }),
    )
    .default([]),
});

/** A task's entries, read: which of them opened and which closed it, as docs/ledger.md §4 names them. */
export interface TaskEntries {
  first: EntryFacts;
  opening: EntryFacts;
  opened: z.infer<typeof Opened>;
  closing: { entry: EntryFacts; detail: z.infer<typeof Closed> } | null;
}

/** Throws unless there is an entry and all are of one task: a store that answers anything else is broken. */
export function readTaskEntries(texts: readonly string[]): TaskEntries {
  const entries = texts.map(entryFacts);
  const [first] = entries;
  if (first === undefined || first.task === null || entries.some(({ task }) => task !== first.task))
    throw new Error("a proof without entries of one task");
  const opening = entries.find(({ kind }) => kind === "task.opened") ?? first;
  const last = entries.findLast(({ kind }) => CLOSING.includes(kind));
  const closing = last === undefined ? null : { entry: last, detail: Closed.parse(last.detail) };
  return { first, opening, opened: Opened.parse(opening.detail), closing };
}

/** The predicate of docs/ledger.md §4: facts of the entries, and what stands beside them. */
export function taskPredicate(proof: TaskProof, task: TaskEntries, around: TaskCircumstances): JsonObject {
  const { first, opening, opened, closing } = task;
  const { acr, credential, environment, project, subject, tenant, workspace } = opening;
  const route = closing?.detail.route ?? null;
  const [version = opening.release, digest = null] = halves(opening.release);
  return {
    schema_version: 1,
    generated_at: new Date(around.generatedMs).toISOString(),
    task: {
      id: first.task,
      operation: opened.operation,
      status: closing?.detail.status ?? null,
      intent: opened.intent,
      created: first.at,
      finished: closing?.entry.at ?? null,
    },
    log: {
      origin: proof.origin,
      checkpoint: proof.checkpoint.note,
      checkpoint_dsse: JSON.parse(proof.checkpoint.dsse) as JsonValue, // safe because: JSON.parse gives JSON values
      entries: proof.entries.map(({ index, text, proof: path }) => ({ index, entry: text, proof: path })),
    },
    actor: { subject, credential, acr, tenant, workspace, project, environment },
    decision: {
      id: opening.decision,
      outcome: around.decision?.outcome.decision ?? null,
      layers:
        around.decision?.layers.map(({ layer, revision, digest }): JsonValue => ({ layer, revision, digest })) ?? null,
      obligations: (closing?.detail.obligations ?? []).map(({ id, outcome, note }) => ({ id, outcome, note })),
      reasons: around.decision?.outcome.reasons ?? null,
    },
    route: route === null ? null : routeOf(route),
    usage: (closing?.detail.usage ?? []).map(({ meter, quantity }) => ({ meter, quantity })),
    cost_nusd: closing?.detail.cost_nusd ?? 0,
    estimated: closing?.detail.estimated ?? false,
    idempotency: { keyed: opened.keyed },
    commitments: {
      request: committed(opened.call.request, around.salts?.request),
      response: committed(closing?.detail.call.response, around.salts?.response),
      ...(around.erased ? { erased: true } : {}),
    },
    residency: {
      cell: opening.cell,
      jurisdiction: around.jurisdiction,
      region: opening.region,
      pool: route !== null && route.provider !== null && isPool(route, around) ? route.provider : null,
      stores: around.stores.map(({ purpose, technology, jurisdiction, worm }) => ({
        purpose,
        technology,
        jurisdiction,
        worm,
      })),
    },
    release: { version, digest, ...around.links },
    transcript: around.transcript === null ? null : { ...around.transcript },
  };
}

/** A route that is `local` says itself that a pool of the cell computed it; of a hybrid one the hop that answered may be either. */
const isPool = ({ route, provider }: RouteRecord, { isOwnPool }: TaskCircumstances): boolean =>
  route === "local" || (route === "hybrid" && provider !== null && isOwnPool(provider));

const routeOf = ({ route, lane, provider, model, model_digest, reasons }: RouteRecord): JsonObject => ({
  route,
  lane,
  provider,
  model,
  model_digest,
  reasons: reasons.map(({ candidate, outcome, reason }) => ({ candidate, outcome, reason })),
});

const committed = (digest: string | undefined, salt: Uint8Array | undefined): JsonValue =>
  digest === undefined ? null : { digest, salt: salt === undefined ? null : encodeHex(salt) };

/** `<version>+<digest>`; a development build may have no digest. */
function halves(release: string): [string, string?] {
  const plus = release.indexOf("+");
  return plus < 0 ? [release] : [release.slice(0, plus), release.slice(plus + 1)];
}
