import type { R2Bucket } from "@cloudflare/workers-types";
import { workerdEgress } from "../../functions/adapters/egress/workerd.ts";
import { r2ObjectStore } from "../../functions/adapters/object-store/r2.ts";
import { s3ObjectStore } from "../../functions/adapters/object-store/s3.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { hostObjectStores } from "../support/object-store-host.ts";
import { testConnection } from "../support/s3-connection.ts";

interface Env {
  BUCKET: R2Bucket;
  S3: string;
}
const clock = { now: () => Date.now() as UnixMs }; // safe because: the machine's clock
const noNetwork = { fetch: () => Promise.reject(new Error("nothing here calls tenants")) };

/** The stores of a Workers-style cell, inside workerd. */
export default {
  fetch: (request: Request, env: Env): Promise<Response> =>
    hostObjectStores(async (name) =>
      name === "r2"
        ? r2ObjectStore({ bucket: env.BUCKET, jurisdiction: "eu", clock })
        : s3ObjectStore({
            ...testConnection(env.S3, workerdEgress(noNetwork)),
            bucket: name,
            jurisdiction: "eu",
            versions: "locked",
            clock,
          }),
    )(request),
};
