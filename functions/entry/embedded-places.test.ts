import { describe, expect, it } from "vitest";
import { readEmbeddedEnv } from "./embedded-env.ts";
import { placesOf } from "./embedded-places.ts";
import { bucketOf } from "./ledger-env.ts";
import { OutsideJurisdiction, requireResidency } from "./residency.ts";

const EU1 = { BAILIWICK_CELL: "eu1", BAILIWICK_JURISDICTION: "eu" };
const BUCKET = {
  BAILIWICK_S3_BUCKET: "archive",
  BAILIWICK_S3_REGION: "eu-central-1",
  BAILIWICK_S3_ACCESS_KEY_ID: "id",
  BAILIWICK_S3_SECRET_ACCESS_KEY: "secret",
};
function start(variables: Record<string, string>): void {
  const env = readEmbeddedEnv({ ...EU1, ...variables });
  const places = placesOf(env, bucketOf(env));
  requireResidency({ id: env.BAILIWICK_CELL, jurisdiction: env.BAILIWICK_JURISDICTION }, [...places.values()]);
}

describe("where the parts of an embedded cell lie", () => {
  it.each([
    ["disk", {}, ""],
    ["database", { BAILIWICK_DATABASE_URL: "postgres://db.example.com/cell" }, "disk=eu"],
    ["bucket", BUCKET, "disk=eu"],
    ["telemetry", { OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example.com" }, "disk=eu"],
  ])("is asked of its %s, which does not go unplaced or lie elsewhere", (part, variables, said) => {
    expect(() => start({ ...variables, BAILIWICK_RESIDENCY: said })).toThrow(OutsideJurisdiction);
    expect(() => start({ ...variables, BAILIWICK_RESIDENCY: `${said} ${part}=us` })).toThrow(OutsideJurisdiction);
    expect(() => start({ ...variables, BAILIWICK_RESIDENCY: `${said} ${part}=eu` })).not.toThrow();
  });

  it("is not believed against the bucket's own region", () => {
    const said = { BAILIWICK_RESIDENCY: "disk=eu bucket=eu" };
    expect(() => start({ ...BUCKET, ...said, BAILIWICK_S3_REGION: "us-east-1" })).toThrow("us-east-1");
    const elsewhere = { BAILIWICK_S3_REGION: "us-east-1", BAILIWICK_S3_ENDPOINT: "https://s3.example.com" };
    expect(() => start({ ...BUCKET, ...said, ...elsewhere })).not.toThrow();
  });

  it("is nothing to ask in a cell that is local", () => {
    expect(() => start({ ...BUCKET, BAILIWICK_JURISDICTION: "local" })).not.toThrow();
  });
});
