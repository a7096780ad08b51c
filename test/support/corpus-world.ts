import type { JsonObject } from "../../shared/contracts/json.ts";
import type { FaultReason } from "../../shared/evidence/fault.ts";
import { closed, keysFile, type MadeFile, MadeLog, MadePair, opened } from "./evidence-maker.ts";
import { type ExportWish, exportOf } from "./export-maker.ts";

/** One thing to verify and what must come of it: the same for every verifier. */
export interface CorpusRow {
  kind: "evidence" | "export" | "archive";
  name: string;
  /** Of an archive the files of its folder. */
  content: Uint8Array | MadeFile[];
  keys: Uint8Array | null;
  checkpoint?: Uint8Array;
  request?: Uint8Array;
  /** `index` is the first bad one that must be named. */
  expected: "verified" | "own keys" | { check: string; reason: FaultReason; index?: number };
  /** Only an ML-DSA-65 signature shows it, which the Python verifier does not check and says so. */
  mlDsaOnly?: true;
}

export const ORIGIN = "bailiwick.example.com/default";
/** In force; the next one; one that no keys file has. */
export const A = new MadePair("a");
export const B = new MadePair("b");
export const STRANGER = new MadePair("stranger");

export const KEYS = keysFile(A.rows());
const START_MS = Date.parse("2026-11-21T00:00:00.000Z");
/** An entry a minute, and two hours of silence behind 400. */
export const timeOf = (index: number): string =>
  new Date(START_MS + (index + (index > 400 ? 120 : 0)) * 60_000).toISOString();
export const SIZE = 600;
export const GENERATED_AT = "2026-11-22T00:00:00.000Z";

/** Entries of the made tasks: one that ran, one that was approved before, one that was refused. */
export const RAN = [300, 301] as const;
export const APPROVED = [297, 310, 315] as const;
export const REFUSED = [303] as const;

const SPECIAL: Readonly<Record<number, JsonObject & { kind: string }>> = {
  297: {
    kind: "approval.requested",
    task: "task_approved",
    outcome: "pending",
    detail: { operation: "chat.completions.create" },
  },
  300: opened("task_ran", timeOf(300)),
  301: closed("task_ran", timeOf(301), 300),
  303: { kind: "call.refused", task: "task_refused", outcome: "failure", detail: { reason: "policy" } },
  310: opened("task_approved", timeOf(310)),
  315: closed("task_approved", timeOf(315), 310),
};

/** A log of `size` entries; `change` may make one of them another. */
export function madeLog(
  size: number,
  change: (index: number) => JsonObject = () => ({}),
  origin: string = ORIGIN,
): MadeLog {
  const log = new MadeLog(origin);
  for (let index = 0; index < size; index++)
    log.append({
      kind: "data.read",
      detail: { reason: "listed" },
      ...SPECIAL[index],
      at: timeOf(index),
      ...change(index),
    });
  return log;
}

export const LOG = madeLog(SIZE);
export const OTHER_LOG = madeLog(320, undefined, "bailiwick.example.com/other");
/** The same log up to 299, and another one from there. */
export const FORK = madeLog(SIZE, (index) => (index === 300 ? { subject: "service:other" } : {}));

/** From entry 260 to 519 of the log: exported are 259 to 520. */
export const PERIOD = { from: timeOf(260), to: timeOf(520) };
export const WISH: ExportWish = {
  ...PERIOD,
  size: SIZE,
  history: [300, 420, 512].map((size) => ({ size, pairs: [A] })),
  generatedAt: GENERATED_AT,
  pairs: [A],
  keys: KEYS,
};
export const EXPORT = exportOf(LOG, WISH);
