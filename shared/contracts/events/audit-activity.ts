import { z } from "zod";
import { Role } from "../actor.ts";
import { PrivacyMode } from "../decision.ts";
import { LEDGER_KINDS } from "../ledger.ts";

/** An API key as the directory shows it: everything but the digest. */
export const KeyDirectoryRow = z.object({
  kid: z.string(),
  name: z.string(),
  workspace: z.string(),
  project: z.string(),
  environment: z.string(),
  subject: z.string(),
  kind: z.enum(["user", "service", "worker"]),
  roles: z.array(Role),
  granted: z.array(z.string()),
  created_ms: z.number().int(),
  expires_ms: z.number().int().nullable(),
  revoked_ms: z.number().int().nullable(),
  rotated_to: z.string().nullable(),
  version: z.number().int(),
});
export type KeyDirectoryRow = z.infer<typeof KeyDirectoryRow>;

/** The tenant as its object holds it, for the mirrored row in Postgres. Never the data key. */
export const TenantMirror = z.object({
  name: z.string(),
  privacy: PrivacyMode,
  content: z.enum(["none", "store"]),
  transit: z.enum(["refused", "allowed"]),
  suspended: z.boolean(),
  locked: z.boolean(),
  created_ms: z.number().int(),
  /** `versions.state` of the object; the mirror only moves forward. */
  version: z.number().int(),
});
export type TenantMirror = z.infer<typeof TenantMirror>;

/** `bailiwick.audit.activity.v1`: one ledger entry without its hash links, and what the change left behind. */
export const AuditActivityV1 = z.object({
  schema_version: z.literal(1),
  ledger_seq: z.number().int().min(0),
  /** RFC 3339, UTC, milliseconds. */
  at: z.iso.datetime(),
  kind: z.enum(LEDGER_KINDS),
  outcome: z.enum(["success", "failure", "pending"]),
  action: z.string(),
  subject: z.string(),
  credential: z.string(),
  workspace: z.string(),
  project: z.string(),
  environment: z.string(),
  request: z.string(),
  task: z.string().nullable(),
  decision: z.string().nullable(),
  detail: z.record(z.string(), z.json()),
  /** Present on `key.*`: the key after the change. A rotation sends one event per key that it changed. */
  key: KeyDirectoryRow.nullable(),
  /** Present on `tenant.*`: the tenant after the change. */
  tenant: TenantMirror.nullable(),
});
export type AuditActivityV1 = z.infer<typeof AuditActivityV1>;
