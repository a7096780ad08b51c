import { CreateBucketCommand, ListMultipartUploadsCommand, PutBucketVersioningCommand } from "@aws-sdk/client-s3";
import { hostEgress } from "../../functions/adapters/egress/deno.ts";
import { s3Client } from "../../functions/adapters/object-store/s3-client.ts";
import { TEST_REGION, testConnection } from "./s3-connection.ts";

/** Makes a bucket as an operator would, and looks into it as one. */
export async function makeBucket(endpoint: string, name: string, versions: "locked" | "kept" | "none") {
  const client = s3Client(testConnection(endpoint, hostEgress()), 1);
  await client.send(
    new CreateBucketCommand({
      Bucket: name,
      ObjectLockEnabledForBucket: versions === "locked",
      CreateBucketConfiguration: { LocationConstraint: TEST_REGION },
    }),
  );
  if (versions === "kept")
    await client.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: "Enabled" } }));
  return {
    client,
    /** Keys of uploads that were begun and neither completed nor aborted. */
    async openUploads(): Promise<string[]> {
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: name }));
      return (Uploads ?? []).map(({ Key }) => Key ?? "");
    },
  };
}
