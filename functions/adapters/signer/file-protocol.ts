import type { Signer } from "../../../shared/contracts/ports/signer.ts";

export interface ThreadStart {
  /** The key file. */
  path: string;
  /** Makes the first pair, in force since then, where there is no file; null: a missing file is a fault. */
  sinceMs: number | null;
}

export type ThreadCall =
  | { method: "keys" }
  | { method: "signCheckpoint"; checkpoint: Parameters<Signer["signCheckpoint"]>[0] }
  | { method: "signStatement"; statement: string };
export type ThreadRequest = ThreadCall & { id: number };

/** `ready` comes once, before all others; `answer` is a `SigningAnswer`; `bug` is what the thread threw besides. */
export type ThreadReply = { ready: true } | { id: number; answer: unknown } | { id: number; bug: string };
