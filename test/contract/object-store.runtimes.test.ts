import { afterAll, beforeAll, describe } from "vitest";
import { type MotoServer, motoPython, startMoto } from "../support/moto.ts";
import { remoteObjectStore } from "../support/object-store-host.ts";
import { type StoresElsewhere, startDenoStores, startWorkerStores } from "../support/object-store-runtimes.ts";
import { makeBucket } from "../support/s3-bucket.ts";
import { objectStoreContract } from "./object-store.contract.ts";

const python = motoPython();
const NOWHERE = "http://127.0.0.1:1";
let moto: MotoServer | null = null;

beforeAll(async () => {
  moto = python === null ? null : await startMoto(python);
});
afterAll(async () => moto?.stop());

describe.each([
  ["workerd", startWorkerStores, "r2", { technology: "r2", jurisdiction: "eu" }],
  ["Deno", startDenoStores, "files", { technology: "file-system", jurisdiction: "local" }],
] as const)("on %s", (runtime, start, own, placement) => {
  let elsewhere: StoresElsewhere | null = null;
  beforeAll(async () => {
    elsewhere = await start(moto?.url ?? NOWHERE);
  });
  afterAll(async () => elsewhere?.stop());

  objectStoreContract(`${own} on ${runtime}`, async () => ({
    store: await remoteObjectStore(elsewhere?.url ?? NOWHERE, own),
    placement: { ...placement, worm: "not WORM" },
  }));

  describe.skipIf(python === null)("with S3 at moto", () => {
    const bucket = `from-${runtime.toLowerCase()}`;
    objectStoreContract(`S3 on ${runtime}`, async () => {
      await makeBucket(moto?.url ?? NOWHERE, bucket, "locked");
      return {
        store: await remoteObjectStore(elsewhere?.url ?? NOWHERE, bucket),
        placement: { technology: "s3", jurisdiction: "eu", worm: "object-lock" },
      };
    });
  });
});
