import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostEgress } from "../../functions/adapters/egress/deno.ts";
import { s3ObjectStore } from "../../functions/adapters/object-store/s3.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { ObjectStoreRefused } from "../../shared/contracts/ports/object-store.ts";
import { type MotoServer, motoPython, startMoto } from "../support/moto.ts";
import { makeBucket } from "../support/s3-bucket.ts";
import { testConnection } from "../support/s3-connection.ts";
import { objectStoreContract } from "./object-store.contract.ts";

type Versions = "locked" | "kept" | "none";
const clock = { now: () => Date.now() as UnixMs }; // safe because: the machine's clock
const python = motoPython();

describe.skipIf(python === null)("over moto", () => {
  let moto: MotoServer;
  const buckets = new Map<Versions, Awaited<ReturnType<typeof makeBucket>>>();
  const optionsOf = (versions: Versions) => ({
    ...testConnection(moto.url, hostEgress()),
    bucket: `test-${versions}`,
    jurisdiction: "eu",
    versions,
    clock,
  });

  beforeAll(async () => {
    moto = await startMoto(python ?? "");
    for (const versions of ["locked", "kept", "none"] as const)
      buckets.set(versions, await makeBucket(moto.url, `test-${versions}`, versions));
  }, 320_000);
  afterAll(() => moto.stop());

  it.each([
    ["locked", "kept", "misplaced", /no Object Lock/],
    ["locked", "none", "misplaced", /keeps no versions/],
    ["kept", "none", "misplaced", /keeps no versions/],
    ["none", "locked", "misplaced", /keeps versions/],
  ] as const)(
    "does not take a bucket for %s that is %s, so that no evidence claims a lock that is not there",
    async (claimed, real, reason, detail) => {
      const store = s3ObjectStore({ ...optionsOf(claimed), bucket: `test-${real}` });
      expect(await store.check()).toEqual({ ok: false, error: { reason, detail: expect.stringMatching(detail) } });
    },
  );

  it("does not take a bucket of another region for its own, so that no byte leaves its jurisdiction unseen", async () => {
    const store = s3ObjectStore({ ...optionsOf("locked"), region: "us-east-1" });
    const detail = "the bucket is in eu-central-1, not in us-east-1";
    expect(await store.check()).toEqual({ ok: false, error: { reason: "misplaced", detail } });
    const missing = s3ObjectStore({ ...optionsOf("locked"), bucket: "test-missing" });
    await expect(missing.check()).rejects.toThrow(ObjectStoreRefused);
  });

  describe.each([
    ["locked", "object-lock"],
    ["kept", "not WORM"],
    ["none", "not WORM"],
  ] as const)("bucket with versions %s", (versions, worm) => {
    objectStoreContract(`S3 on Node, versions ${versions}`, async () => ({
      store: s3ObjectStore(optionsOf(versions)),
      placement: { technology: "s3", jurisdiction: "eu", worm },
    }));

    it("left no upload open by anything above, so that nobody pays for parts of failed streams", async () => {
      expect(await buckets.get(versions)?.openUploads()).toEqual([]);
    });
  });
});
