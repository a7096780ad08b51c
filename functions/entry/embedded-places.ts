import type { EmbeddedEnv } from "./embedded-env.ts";
import { EnvUnusable } from "./env-unusable.ts";
import type { BucketEnv } from "./ledger-env.ts";
import { type Declared, declared, jurisdictionOfRegion, type Place } from "./residency.ts";

/**
 * Where everything lies that this process writes to. The disk of the home holds keys, queue and durable objects of every
 * embedded cell. Throws `EnvUnusable` when a bucket's region denies what is said about it.
 */
export function placesOf(env: EmbeddedEnv, bucket: BucketEnv | null): ReadonlyMap<Place, Declared> {
  const inUse: Place[] = ["disk"];
  if (env.BAILIWICK_DATABASE_URL !== undefined) inUse.push("database");
  if (bucket !== null) inUse.push("bucket");
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined) inUse.push("telemetry");
  const parts = declared(env.BAILIWICK_JURISDICTION, env.BAILIWICK_RESIDENCY, inUse);
  const own = env.BAILIWICK_JURISDICTION;
  const said = parts.find(({ place }) => place === "bucket")?.jurisdiction;
  // Regions of other servers than AWS's are names without a meaning.
  const region = bucket !== null && bucket.endpoint === undefined ? jurisdictionOfRegion(bucket.region) : null;
  if (own !== "local" && said === own && region !== null && (region === "eu") !== (own === "eu"))
    throw new EnvUnusable(`BAILIWICK_RESIDENCY: the bucket's region ${bucket?.region} is not of ${own}`);
  return new Map(parts.map((part) => [part.place, part]));
}
