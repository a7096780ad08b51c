import { z } from "zod";
import { CellId } from "../shared/contracts/ids.ts";
import { LIMITS } from "../shared/contracts/limits.ts";
import { DIALECTS, type Dialect } from "../shared/contracts/ports/engine.ts";
import { PoolName, QUEUE_PREFIX } from "../shared/job-queue/names.ts";
import { Redacted } from "../shared/telemetry/redacted.ts";

const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const secret = z
  .string()
  .min(1)
  .max(8_192)
  .transform((value) => new Redacted(value));
const httpUrl = z.url({ protocol: /^https?$/ }).transform((text) => new URL(text));
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
/** `id`, or `id@sha256:…` where the digest of its weights is known. An id may be pinned to a version (`detector@3`). */
const MODEL = /^((?:(?!@sha256:)[^,\s]){1,256})(?:@(sha256:[0-9a-f]{64}))?$/;

const Models = z
  .string()
  .max(16_384)
  .transform((text, context) =>
    text.split(",").flatMap((entry) => {
      const [, id, digest] = MODEL.exec(entry.trim()) ?? [];
      if (id !== undefined) return [{ id, digest: digest ?? null }];
      context.addIssue({ code: "custom", message: "models are id or id@sha256:<hex>, separated by commas" });
      return [];
    }),
  )
  .pipe(z.array(z.object({ id: z.string(), digest: z.string().nullable() })).max(64));

const Variables = z.object({
  /** Where the cell answers; `http` for a cell on this machine only. */
  BAILIWICK_CELL_URL: httpUrl,
  BAILIWICK_CELL: CellId,
  BAILIWICK_JURISDICTION: z.string().min(1).max(32),
  BAILIWICK_POOL: PoolName,
  /** Names this replica in logs and at the cell. */
  BAILIWICK_WORKER: z.string().min(1).max(128),
  BAILIWICK_WORKER_CONCURRENCY: count(1, LIMITS.workerConcurrencyMax),
  BAILIWICK_WORKER_DRAIN_MS: count(0, LIMITS.workerDrainMsMax).default(LIMITS.workerDrainMsDefault),
  /** Of `/healthz`, `/readyz` and `/metrics`, on the loopback address; 0 takes any free one. */
  BAILIWICK_WORKER_PORT: count(0, 65_535).default(0),
  BAILIWICK_WORKER_TOKEN_FILE: z.string().min(1).max(1_024).optional(),
  BAILIWICK_WORKER_SECRET_FILE: z.string().min(1).max(1_024).optional(),
  BAILIWICK_QUEUE: z.enum(["sqlite", "sqs"]),
  BAILIWICK_QUEUE_FILE: z.string().min(1).max(1_024).optional(),
  BAILIWICK_SQS_PREFIX: z.string().regex(QUEUE_PREFIX).optional(),
  BAILIWICK_SQS_ENDPOINT: httpUrl.optional(),
  AWS_REGION: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/)
    .optional(),
  AWS_ACCESS_KEY_ID: z.string().min(1).max(128).optional(),
  AWS_SECRET_ACCESS_KEY: secret.optional(),
  AWS_SESSION_TOKEN: secret.optional(),
  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: z.string().max(1_024).startsWith("/").optional(),
  AWS_CONTAINER_CREDENTIALS_FULL_URI: httpUrl.optional(),
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: z.string().max(1_024).optional(),
  BAILIWICK_ENGINE: z.enum(["openai", "oip", "synthetic"]),
  BAILIWICK_ENGINE_URL: httpUrl
    .refine((url) => LOOPBACK.test(url.hostname), "the engine is on this host: use a loopback address")
    .optional(),
  BAILIWICK_ENGINE_MODELS: Models.default([]),
  /** For servers that do not publish their paths. */
  BAILIWICK_ENGINE_DIALECTS: z
    .string()
    .max(256)
    .transform((text) => text.split(",").map((name) => name.trim()))
    .pipe(z.array(z.enum(DIALECTS)).max(DIALECTS.length))
    .default([]),
  BAILIWICK_SYNTHETIC_TOKENS_PER_S: count(0, 1_000_000).default(0),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  OTEL_METRIC_EXPORT_INTERVAL: count(0, LIMITS.metricExportMsMax).default(LIMITS.metricExportMsDefault),
});

/** Names that the process reads; nothing else of its environment is looked at. */
export const VARIABLES: readonly string[] = Object.keys(Variables.shape);

export type AwsSettings =
  | { kind: "static"; id: string; secret: Redacted; session: Redacted | null }
  | { kind: "container"; url: URL; tokenFile: string | null };

export interface Settings {
  cell: { url: URL; id: CellId; jurisdiction: string };
  pool: string;
  worker: string;
  concurrency: number;
  drainMs: number;
  port: number;
  proof: { kind: "service_account" | "enrolment"; file: string };
  queue:
    | { kind: "sqlite"; file: string }
    | { kind: "sqs"; prefix: string; region: string; endpoint: URL | null; aws: AwsSettings };
  engine: {
    kind: "openai" | "oip" | "synthetic";
    /** Unused by the synthetic one. */
    url: URL;
    models: readonly { id: string; digest: string | null }[];
    dialects: readonly Dialect[];
    tokensPerS: number;
  };
  otlp: { endpoint: string; everyMs: number } | null;
}

/** Variables that are wrong or missing, by name; their values are never told. */
export class SettingsRefused extends Error {
  override readonly name = "SettingsRefused";
}

/** ECS puts its credentials there. */
const ECS_CREDENTIALS = "http://169.254.170.2";

/** The environment, read once. @throws SettingsRefused */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Readonly<Settings> {
  const read = Variables.safeParse(Object.fromEntries(VARIABLES.map((name) => [name, env[name] || undefined])));
  if (!read.success) {
    const told = read.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`);
    throw new SettingsRefused([...new Set(told)].join("; "));
  }
  const it = read.data;
  if (it.BAILIWICK_CELL_URL.protocol === "http:" && !LOOPBACK.test(it.BAILIWICK_CELL_URL.hostname))
    throw new SettingsRefused("BAILIWICK_CELL_URL: https, unless the cell is on this machine");
  if (it.BAILIWICK_ENGINE !== "openai" && it.BAILIWICK_ENGINE_MODELS.length === 0)
    throw new SettingsRefused("BAILIWICK_ENGINE_MODELS: name the models; this engine lists none");
  const engineUrl = it.BAILIWICK_ENGINE === "synthetic" ? it.BAILIWICK_CELL_URL : it.BAILIWICK_ENGINE_URL;
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_METRIC_EXPORT_INTERVAL: everyMs } = it;
  return Object.freeze({
    cell: { url: it.BAILIWICK_CELL_URL, id: it.BAILIWICK_CELL, jurisdiction: it.BAILIWICK_JURISDICTION },
    ...{ pool: it.BAILIWICK_POOL, worker: it.BAILIWICK_WORKER, concurrency: it.BAILIWICK_WORKER_CONCURRENCY },
    ...{ drainMs: it.BAILIWICK_WORKER_DRAIN_MS, port: it.BAILIWICK_WORKER_PORT },
    proof: proofOf(it),
    queue: queueOf(it),
    engine: {
      ...{ kind: it.BAILIWICK_ENGINE, url: required("BAILIWICK_ENGINE_URL", engineUrl) },
      ...{ models: it.BAILIWICK_ENGINE_MODELS, dialects: it.BAILIWICK_ENGINE_DIALECTS },
      tokensPerS: it.BAILIWICK_SYNTHETIC_TOKENS_PER_S,
    },
    otlp: endpoint === undefined ? null : { endpoint: endpoint.href, everyMs },
  });
}

type Read = z.infer<typeof Variables>;

function required<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw new SettingsRefused(`${name}: is missing`);
  return value;
}

function proofOf({ BAILIWICK_WORKER_TOKEN_FILE: token, BAILIWICK_WORKER_SECRET_FILE: enrolment }: Read) {
  if (token !== undefined && enrolment !== undefined)
    throw new SettingsRefused("BAILIWICK_WORKER_TOKEN_FILE, BAILIWICK_WORKER_SECRET_FILE: one of them");
  if (token !== undefined) return { kind: "service_account", file: token } as const;
  return { kind: "enrolment", file: required("BAILIWICK_WORKER_TOKEN_FILE", enrolment) } as const;
}

function queueOf(it: Read): Settings["queue"] {
  if (it.BAILIWICK_QUEUE === "sqlite")
    return { kind: "sqlite", file: required("BAILIWICK_QUEUE_FILE", it.BAILIWICK_QUEUE_FILE) };
  return {
    kind: "sqs",
    prefix: required("BAILIWICK_SQS_PREFIX", it.BAILIWICK_SQS_PREFIX),
    region: required("AWS_REGION", it.AWS_REGION),
    endpoint: it.BAILIWICK_SQS_ENDPOINT ?? null,
    aws: awsOf(it),
  };
}

function awsOf(it: Read): AwsSettings {
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: full, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative } = it;
  const tokenFile = it.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ?? null;
  if (full !== undefined) return { kind: "container", url: full, tokenFile };
  if (relative !== undefined) return { kind: "container", url: new URL(relative, ECS_CREDENTIALS), tokenFile };
  return {
    kind: "static",
    id: required("AWS_ACCESS_KEY_ID", it.AWS_ACCESS_KEY_ID),
    secret: required("AWS_SECRET_ACCESS_KEY", it.AWS_SECRET_ACCESS_KEY),
    session: it.AWS_SESSION_TOKEN ?? null,
  };
}
