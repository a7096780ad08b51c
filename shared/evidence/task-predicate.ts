import { z } from "zod";
import type { JsonValue } from "../contracts/json.ts";
import { LIMITS } from "../contracts/limits.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { DsseEnvelope } from "../crypto/log/dsse.ts";
import type { Statement } from "../crypto/log/statement.ts";
import { type Fault, fault, shown } from "./fault.ts";
import { UtcTime } from "./times.ts";

export const TASK_EVIDENCE_TYPE = "https://bailiwick.example.com/evidence/task/v1";

/** A JSON value whose form another check looks at. */
const Json = z.custom<JsonValue>((value) => value !== undefined);
const Commitment = z.strictObject({ digest: z.string(), salt: z.string().nullable() }).nullable();

/** The members of docs/ledger.md §4 and no other, so that nothing is signed that no check has looked at. */
export const TaskPredicate = z.strictObject({
  schema_version: z.literal(1),
  generated_at: UtcTime,
  task: z.strictObject({
    id: z.string(),
    operation: Json,
    status: Json,
    intent: Json,
    created: Json,
    finished: Json,
  }),
  log: z.strictObject({
    origin: z.string(),
    checkpoint: z.string(),
    checkpoint_dsse: DsseEnvelope,
    entries: z
      .array(z.strictObject({ index: z.int().min(0), entry: z.string(), proof: z.array(z.string()) }))
      .min(1)
      .max(LIMITS.evidenceEntriesMax),
  }),
  actor: z.strictObject({
    subject: Json,
    credential: Json,
    acr: Json,
    tenant: Json,
    workspace: Json,
    project: Json,
    environment: Json,
  }),
  decision: z.strictObject({ id: Json, outcome: Json, layers: Json, obligations: Json, reasons: Json }),
  route: Json,
  usage: Json,
  cost_nusd: Json,
  estimated: Json,
  idempotency: z.strictObject({ keyed: Json }),
  commitments: z.strictObject({ request: Commitment, response: Commitment, erased: z.literal(true).optional() }),
  residency: z.strictObject({ cell: Json, jurisdiction: z.string(), region: Json, pool: Json, stores: Json }),
  release: z.strictObject({ version: Json, digest: Json, sbom: Json, cbom: Json, provenance: Json }),
  transcript: Json,
});
export type TaskPredicate = z.infer<typeof TaskPredicate>;

/** The predicate of a statement that is a task's evidence in a version that is known here. */
export function readTaskPredicate({ predicate, predicateType }: Statement): Result<TaskPredicate, Fault> {
  if (predicateType !== TASK_EVIDENCE_TYPE)
    return err(fault("predicate_type_unknown", `the statement is a ${shown(predicateType)}`));
  if (predicate.schema_version !== 1)
    return err(fault("schema_version_unknown", "the predicate's schema version is not known"));
  const parsed = TaskPredicate.safeParse(predicate);
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  return err(fault("predicate_malformed", `predicate.${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`));
}
