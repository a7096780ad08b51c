import { archiveCorpus } from "./corpus-archives.ts";
import { entries } from "./corpus-entries.ts";
import { lifetimes, onTheWay } from "./corpus-envelopes.ts";
import { exportsOnTheWay, periodsAndKeys } from "./corpus-exports.ts";
import { signedExports } from "./corpus-signed-exports.ts";
import { checkpoints, statements } from "./corpus-statements.ts";
import type { CorpusRow } from "./corpus-world.ts";

export type { CorpusRow } from "./corpus-world.ts";

/** Everything that verifiers are asked, good and bad, with what must come of it. */
export const CORPUS: readonly CorpusRow[] = [
  ...onTheWay(),
  ...statements(),
  ...checkpoints(),
  ...entries(),
  ...lifetimes(),
  ...exportsOnTheWay(),
  ...signedExports(),
  ...periodsAndKeys(),
  ...archiveCorpus(),
];
