import type { EmbeddedEnv } from "./embedded-env.ts";
import type { BucketEnv } from "./ledger-env.ts";
import { type Declared, declared, type Place, requireRegion } from "./residency.ts";

/**
 * Where everything lies that this process writes to. The disk of the home holds keys, queue and durable objects of every
 * embedded cell. Throws `OutsideJurisdiction` when a bucket's region denies what is said about it.
 */
export function placesOf(env: EmbeddedEnv, bucket: BucketEnv | null): ReadonlyMap<Place, Declared> {
  const inUse: Place[] = ["disk"];
  if (env.BAILIWICK_DATABASE_URL !== undefined) inUse.push("database");
  if (bucket !== null) inUse.push("bucket");
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined) inUse.push("telemetry");
  const parts = declared(env.BAILIWICK_JURISDICTION, env.BAILIWICK_RESIDENCY, inUse);
  if (parts.some(({ place, jurisdiction }) => place === "bucket" && jurisdiction === env.BAILIWICK_JURISDICTION))
    requireRegion(
      "bucket",
      env.BAILIWICK_JURISDICTION,
      bucket?.endpoint === undefined ? (bucket?.region ?? null) : null,
    );
  return new Map(parts.map((part) => [part.place, part]));
}
