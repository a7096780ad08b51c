import type { S3Connection } from "../../functions/adapters/object-store/s3-client.ts";

export const TEST_REGION = "eu-central-1";

/** A connection to a test server. */
export const testConnection = (endpoint: string, egress: S3Connection["egress"]): S3Connection => ({
  region: TEST_REGION,
  endpoint,
  pathStyle: true,
  credentials: async () => ({ access_key_id: "AKIAEXAMPLE", secret_access_key: "secret" }),
  egress,
});
