import type { R2Bucket } from "@cloudflare/workers-types";
import { z } from "zod";
import type { BatchObject } from "../../durable/batch/object.ts";
import type { CellObject } from "../../durable/cell/object.ts";
import type { DurableNamespace } from "../../durable/runtime/durable-object.ts";
import type { SessionObject } from "../../durable/session/object.ts";
import type { TaskObject } from "../../durable/task/object.ts";
import type { TenantObject } from "../../durable/tenant/object.ts";
import { JURISDICTIONS } from "../../shared/contracts/cell-directory.ts";
import { CellId, KeyId, TenantId } from "../../shared/contracts/ids.ts";
import type { JobQueue } from "../../shared/contracts/ports/job-queue.ts";
import { decodeBase64url } from "../../shared/crypto/base64url.ts";
import { sqsJobQueue } from "../../shared/job-queue/sqs.ts";
import { Redacted } from "../../shared/telemetry/redacted.ts";
import { systemClock } from "../adapters/clock/system.ts";
import type { PublicNetwork } from "../adapters/egress/workerd.ts";
import type { SignerService } from "../adapters/signer/signer-service.ts";
import { CELLS_VARIABLES } from "./cells-env.ts";
import { isConfigPart, joinedConfig } from "./config-bindings.ts";
import { EnvUnusable, parseVariables } from "./env-unusable.ts";
import { LEDGER_VARIABLES } from "./ledger-env.ts";
import { LOG_LEVELS } from "./log-sink.ts";
import { OTLP_VARIABLES } from "./otlp.ts";
import { QUEUE_VARIABLES, sqsOf } from "./queue-env.ts";
import { type Declared, declared, type Place, requireRegion, requireResidency } from "./residency.ts";

const ROOT_BYTES = 32;
const rootSecret = (text: string, issues: { addIssue(message: string): void }): Uint8Array => {
  const secret = decodeBase64url(text.trim());
  if (secret?.length === ROOT_BYTES) return secret;
  issues.addIssue("not 32 bytes in base64url");
  return z.NEVER;
};
const secret = z.string().transform((text) => new Redacted(text));
const json = (text: string, issues: { addIssue(message: string): void }): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    issues.addIssue("not JSON");
    return z.NEVER;
  }
};
const member = (name: string) =>
  z.custom<object>((value) => typeof value === "object" && value !== null && name in value);
const objects = <T>() => z.custom<PlaceableNamespace<T>>((value) => member("getByName").safeParse(value).success);

const PublicKeyPart = z.strictObject({ kid: KeyId, digest: z.string().regex(/^[0-9a-f]{64}$/) });
/** The first tenant and its first two keys: digests, never a secret. */
const Bootstrap = z.strictObject({ tenant: TenantId, api: PublicKeyPart, admin: PublicKeyPart });

/** A further key of the cell's operators, likewise. */
const OperatorKey = PublicKeyPart.extend({ tenant: TenantId });

const Env = z.object({
  TENANT: objects<TenantObject>(),
  SESSION: objects<SessionObject>(),
  TASK: objects<TaskObject>(),
  BATCH: objects<BatchObject>(),
  CELL: objects<CellObject>(),
  SIGNER: z.custom<SignerService>((value) => member("fetch").safeParse(value).success).optional(),
  ARCHIVE: z.custom<R2Bucket>((value) => member("list").safeParse(value).success).optional(),
  BAILIWICK_ARCHIVE_LOCKED: z.enum(["true", "false"]).default("false"),
  ...LEDGER_VARIABLES,
  PUBLIC_EGRESS: z.custom<PublicNetwork>((value) => member("fetch").safeParse(value).success).optional(),
  BAILIWICK_CELL: CellId,
  BAILIWICK_JURISDICTION: z.enum(JURISDICTIONS),
  ...CELLS_VARIABLES,
  BAILIWICK_PLATFORM: z.enum(["workerd", "cloudflare"]).default("workerd"),
  BAILIWICK_ENDPOINT: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, "")),
  BAILIWICK_RELEASE: z.string().regex(/^\d+\.\d+\.\d+[0-9A-Za-z.-]*\+[0-9a-f]{16}$/),
  BAILIWICK_ROOT_SECRET: z.string().transform(rootSecret),
  BAILIWICK_CONFIG_JSON: z.string().default("{}").transform(json).pipe(z.record(z.string(), z.string())),
  BAILIWICK_BOOTSTRAP: z.string().transform(json).pipe(Bootstrap).optional(),
  BAILIWICK_OPERATOR_KEY: z.string().transform(json).pipe(OperatorKey).optional(),
  BAILIWICK_LOG: z.enum(LOG_LEVELS).default("warn"),
  NEON_DATABASE_URL: secret.optional(),
  NEON_FETCH_ENDPOINT: z.url().optional(),
  UPSTASH_REDIS_REST_URL: z.url().optional(),
  UPSTASH_REDIS_REST_TOKEN: secret.optional(),
  ...QUEUE_VARIABLES,
  BAILIWICK_WORKER_SECRET: z
    .string()
    .min(32)
    .transform((text) => new Redacted(text))
    .optional(),
  ...OTLP_VARIABLES,
});

/** A namespace of the platform; `jurisdiction` exists on the deployed platform only, and throws on stock workerd. */
interface PlaceableNamespace<T> extends DurableNamespace<T> {
  jurisdiction?(name: string): DurableNamespace<T>;
}

/** What a Workers-style cell is told by its bindings, parsed once per isolate. */
export type WorkerdEnv = Readonly<z.infer<typeof Env>> & {
  /** A secret or variable that the configuration names; null when it is not bound, or is one of the cell's own. */
  variable(name: string): string | null;
};

type Bindings = Readonly<Record<string, unknown>>;
/** An isolate gives every object and request of its own the same bindings. */
const reads = new WeakMap<Bindings, WorkerdEnv>();

/** Parsed once per isolate. Throws `EnvUnusable` with the names of the bindings that are missing or wrong. */
export function readWorkerdEnv(bindings: Bindings): WorkerdEnv {
  const known = reads.get(bindings);
  if (known !== undefined) return known;
  const read = parseWorkerdEnv(bindings);
  reads.set(bindings, read);
  return read;
}

function parseWorkerdEnv(bindings: Bindings): WorkerdEnv {
  const env = parseVariables(Env, { ...bindings, BAILIWICK_CONFIG_JSON: joinedConfig(bindings) });
  if ((env.UPSTASH_REDIS_REST_URL === undefined) !== (env.UPSTASH_REDIS_REST_TOKEN === undefined))
    throw new EnvUnusable("UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN go together");
  if (env.BAILIWICK_PLATFORM === "cloudflare" && env.BAILIWICK_JURISDICTION === "local")
    throw new EnvUnusable("BAILIWICK_JURISDICTION: a deployed cell lies in a jurisdiction");
  if (env.BAILIWICK_PLATFORM === "workerd" && env.PUBLIC_EGRESS === undefined)
    throw new EnvUnusable("PUBLIC_EGRESS: stock workerd reaches private addresses without it");
  requireResidency({ id: env.BAILIWICK_CELL, jurisdiction: env.BAILIWICK_JURISDICTION }, workerdPlaces(env));
  return Object.freeze({
    ...env,
    variable: (name: string) => {
      if (Object.hasOwn(Env.shape, name) || isConfigPart(name)) return null;
      const value = bindings[name];
      return typeof value === "string" && value !== "" ? value : null;
    },
  });
}

/** Where everything lies that this cell keeps or sends to, as it was declared. */
function workerdPlaces(env: z.infer<typeof Env>): Declared[] {
  const inUse: Place[] = [env.BAILIWICK_PLATFORM === "workerd" ? "disk" : "keys"];
  if (env.ARCHIVE !== undefined) inUse.push("bucket");
  if (env.NEON_DATABASE_URL !== undefined) inUse.push("database");
  if (env.UPSTASH_REDIS_REST_URL !== undefined) inUse.push("limiter");
  if (env.BAILIWICK_SQS_PREFIX !== undefined) inUse.push("queue");
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined) inUse.push("telemetry");
  const region = env.BAILIWICK_SQS_ENDPOINT === undefined ? (env.BAILIWICK_SQS_REGION ?? null) : null;
  requireRegion("queue", env.BAILIWICK_JURISDICTION, region);
  return declared(env.BAILIWICK_JURISDICTION, env.BAILIWICK_RESIDENCY, inUse);
}

/** The queues of the cell's pools; null in a cell that has none. */
export function queueOf(env: WorkerdEnv): JobQueue | null {
  const { BAILIWICK_CELL: cell, BAILIWICK_JURISDICTION: jurisdiction, BAILIWICK_ROOT_SECRET: root } = env;
  const sqs = sqsOf(env, { cell, jurisdiction, root, clock: systemClock, fetch: (url, init) => fetch(url, init) });
  return sqs === null ? null : sqsJobQueue(sqs);
}

/** The same objects, held to the cell's jurisdiction where the platform places them; elsewhere they lie on this disk. */
export function placed<T>(env: WorkerdEnv, namespace: PlaceableNamespace<T>): DurableNamespace<T> {
  if (env.BAILIWICK_PLATFORM === "workerd") return namespace;
  if (!namespace.jurisdiction) throw new EnvUnusable("BAILIWICK_PLATFORM: these objects cannot be placed");
  return namespace.jurisdiction(env.BAILIWICK_JURISDICTION);
}
