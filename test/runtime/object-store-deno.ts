import { argv } from "node:process";
import { hostEgress } from "../../functions/adapters/egress/deno.ts";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import { s3ObjectStore } from "../../functions/adapters/object-store/s3.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { hostObjectStores } from "../support/object-store-host.ts";
import { testConnection } from "../support/s3-connection.ts";

const [, , root = "", s3 = ""] = argv;
const clock = { now: () => Date.now() as UnixMs }; // safe because: the machine's clock
const files = fileSystemObjectStore({ root, jurisdiction: "local", clock });
// safe because: this file runs under Deno alone
const deno = (globalThis as unknown as { Deno: { serve(options: object, handler: unknown): unknown } }).Deno;

/** The stores of a host cell, under Deno with a cell's permissions; prints its address. */
deno.serve(
  {
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }: { port: number }) => console.log(`http://127.0.0.1:${port}`),
  },
  hostObjectStores(async (name) =>
    name === "files"
      ? files
      : s3ObjectStore({
          ...testConnection(s3, hostEgress()),
          bucket: name,
          jurisdiction: "eu",
          versions: "locked",
          clock,
        }),
  ),
);
