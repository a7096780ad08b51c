import { z } from "zod";
import { Redacted } from "../../shared/telemetry/redacted.ts";
import { EnvUnusable } from "./env-unusable.ts";

const text = z.string().min(1).max(1_024);
const secret = text.transform((value) => new Redacted(value));

/** Where and under which name a cell publishes its ledgers. */
export const LEDGER_VARIABLES = {
  BAILIWICK_LEDGER_ORIGIN: z
    .string()
    .regex(
      /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?:\/[A-Za-z0-9._-]+)*$/,
      "a name such as ledger.example.com, without scheme",
    )
    .max(200)
    .default("bailiwick.local"),
  BAILIWICK_LEDGER_RETENTION_DAYS: z.coerce.number().int().min(0).max(36_500).default(400),
};

/** An S3 bucket in place of the host's own object store. */
export const BUCKET_VARIABLES = {
  BAILIWICK_S3_BUCKET: text.optional(),
  BAILIWICK_S3_REGION: text.optional(),
  BAILIWICK_S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  BAILIWICK_S3_PATH_STYLE: z.enum(["true", "false"]).default("false"),
  BAILIWICK_S3_ACCESS_KEY_ID: secret.optional(),
  BAILIWICK_S3_SECRET_ACCESS_KEY: secret.optional(),
  BAILIWICK_S3_KMS_KEY: text.optional(),
  BAILIWICK_S3_VERSIONS: z.enum(["locked", "kept", "none"]).default("locked"),
};
const Bucket = z.object(BUCKET_VARIABLES);

/** A bucket as the environment names it. */
export interface BucketEnv {
  bucket: string;
  region: string;
  endpoint: string | undefined;
  pathStyle: boolean;
  accessKeyId: Redacted;
  secretAccessKey: Redacted;
  kmsKey: string | undefined;
  versions: "locked" | "kept" | "none";
}

/** Null when no bucket is named. Throws `EnvUnusable` when one is named in part. */
export function bucketOf(env: z.infer<typeof Bucket>): BucketEnv | null {
  const bucket = env.BAILIWICK_S3_BUCKET;
  if (bucket === undefined) return null;
  const region = env.BAILIWICK_S3_REGION;
  const accessKeyId = env.BAILIWICK_S3_ACCESS_KEY_ID;
  const secretAccessKey = env.BAILIWICK_S3_SECRET_ACCESS_KEY;
  if (region === undefined || accessKeyId === undefined || secretAccessKey === undefined)
    throw new EnvUnusable(
      "BAILIWICK_S3_BUCKET goes with BAILIWICK_S3_REGION, BAILIWICK_S3_ACCESS_KEY_ID and BAILIWICK_S3_SECRET_ACCESS_KEY",
    );
  return {
    bucket,
    region,
    endpoint: env.BAILIWICK_S3_ENDPOINT,
    pathStyle: env.BAILIWICK_S3_PATH_STYLE === "true",
    accessKeyId,
    secretAccessKey,
    kmsKey: env.BAILIWICK_S3_KMS_KEY,
    versions: env.BAILIWICK_S3_VERSIONS,
  };
}
