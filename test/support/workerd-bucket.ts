import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { WorkerdParts } from "../../infra/local/workerd-config.ts";

const WORKERS = join(dirname(createRequire(import.meta.url).resolve("miniflare")), "workers");
const MODULES = ["shared/index", "shared/zod", "shared/object-entry", "r2/bucket"] as const;
/** The date that miniflare runs these workers with. */
const DATE = "2023-07-24";

const fileOf = (name: (typeof MODULES)[number]): string => `${name.replace("/", "-")}.js`;

/**
 * R2 as miniflare simulates it, as services of a cell's own workerd: the bucket's binding is the platform's, and what it
 * keeps lies in `<home>/bucket`.
 */
export function workerdBucket(home: string): WorkerdParts {
  const folder = join(home, "bucket");
  mkdirSync(folder, { recursive: true });
  for (const name of MODULES) writeFileSync(join(home, fileOf(name)), readFileSync(join(WORKERS, `${name}.worker.js`)));
  return {
    services: [
      `(name = "bucket-disk", disk = (path = ${JSON.stringify(folder)}, writable = true))`,
      `(name = "bucket", worker = .bucket)`,
      `(name = "bucket-objects", worker = .bucketObjects)`,
    ],
    bindings: [`(name = "ARCHIVE", r2Bucket = "bucket")`],
    extensions: [
      `(modules = [(name = "miniflare:shared", esModule = embed "${fileOf("shared/index")}"), (name = "miniflare:zod", esModule = embed "${fileOf("shared/zod")}")])`,
    ],
    workers: `
const bucket :Workerd.Worker = (
  modules = [(name = "entry.js", esModule = embed "${fileOf("shared/object-entry")}")],
  compatibilityDate = "${DATE}",
  bindings = [
    (name = "MINIFLARE_NAMESPACE", text = "archive"),
    (name = "MINIFLARE_OBJECT", durableObjectNamespace = (className = "R2BucketObject", serviceName = "bucket-objects")),
  ],
);

const bucketObjects :Workerd.Worker = (
  modules = [(name = "bucket.js", esModule = embed "${fileOf("r2/bucket")}")],
  compatibilityDate = "${DATE}",
  compatibilityFlags = ["nodejs_compat", "experimental"],
  durableObjectStorage = (localDisk = "bucket-disk"),
  durableObjectNamespaces = [(className = "R2BucketObject", uniqueKey = "bucket", enableSql = true)],
  bindings = [(name = "MINIFLARE_BLOBS", service = "bucket-disk")],
);
`,
  };
}
