import type { LogState } from "../../../shared/contracts/log.ts";
import {
  type ObjectStore,
  ObjectStoreRefused,
  ObjectStoreUnavailable,
} from "../../../shared/contracts/ports/object-store.ts";
import { type Signer, SignerUnavailable } from "../../../shared/contracts/ports/signer.ts";
import type { Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";

const RETRY_MS = 5_000;

/** The archive. Throws `evidence-unavailable` in a cell that has none. */
export function archiveOf({ archive }: Pick<Deps, "archive">): ObjectStore {
  if (archive === null) throw new ProblemError("evidence-unavailable", { detail: "This cell has no archive." });
  return archive;
}

/** What the keys of one log's archive begin with, as its publisher joins it. */
export function prefixOf({ logPrefix }: Pick<Deps, "logPrefix">, name: string): string {
  const prefix = logPrefix(name);
  return prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
}

/** The signer. Throws `evidence-unavailable` in a cell that has none. */
export function signerOf({ signer }: Pick<Deps, "signer">): Signer {
  if (signer === null) throw new ProblemError("evidence-unavailable", { detail: "This cell has no signing keys." });
  return signer;
}

/** While archive and database disagree, nothing is signed: neither checkpoints nor what rests on them. */
export function refuseHalted({ halted }: Pick<LogState, "halted">): void {
  if (halted === null) return;
  throw new ProblemError("evidence-unavailable", {
    detail: "The log and its archive disagree; nothing of it is signed until they agree again.",
    members: { fault: halted.fault },
    retryAfterMs: RETRY_MS,
  });
}

/** What is recorded and not published yet; the publication has been asked for. */
export const evidencePending = (retryAfterMs: number): ProblemError =>
  new ProblemError("evidence-pending", { retryAfterMs });

/** Archive and signer are other services: what they cannot do now is a 503 with a hint, not a defect. */
export async function evidenceCall<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof ObjectStoreUnavailable || cause instanceof SignerUnavailable)
      throw new ProblemError("evidence-unavailable", { retryAfterMs: RETRY_MS }, { cause });
    if (cause instanceof ObjectStoreRefused) throw new ProblemError("evidence-unavailable", {}, { cause });
    throw cause;
  }
}
