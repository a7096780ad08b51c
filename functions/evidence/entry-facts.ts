import { z } from "zod";

const text = z.string();
const maybe = z.string().nullable();

/** What evidence reads of a ledger entry; everything else of it is carried as it is. */
const EntryFacts = z.looseObject({
  tenant: text,
  seq: z.int().min(0),
  at: z.iso.datetime(),
  kind: text,
  action: text,
  outcome: z.enum(["success", "failure", "pending"]),
  task: maybe,
  request: text,
  decision: maybe,
  policy: maybe,
  subject: text,
  credential: text,
  acr: maybe,
  workspace: text,
  project: text,
  environment: text,
  cell: text,
  /** Null in what was written before entries had one. */
  region: maybe.default(null),
  source: maybe,
  release: text,
  snapshot: text,
  prev: text,
  detail: z.record(z.string(), z.json()),
});
export type EntryFacts = z.infer<typeof EntryFacts>;

/** The facts of a ledger's own text. Throws for anything that no ledger of ours writes: the archive is damaged then. */
export const entryFacts = (entry: string): EntryFacts => EntryFacts.parse(JSON.parse(entry));

const EntryPlace = z.looseObject({ seq: z.int().min(0), at: z.iso.datetime(), prev: z.string() });

/** Where an entry stands, when, and behind which. Throws as `entryFacts` does. */
export const entryPlace = (entry: string): z.infer<typeof EntryPlace> => EntryPlace.parse(JSON.parse(entry));
