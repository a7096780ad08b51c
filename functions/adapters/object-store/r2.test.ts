import type { R2Bucket } from "@cloudflare/workers-types";
import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { ObjectStoreRefused, ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";
import { r2ObjectStore } from "./r2.ts";

const NOW_MS = 1_795_000_000_000;
const bytes = new Uint8Array(3);
const there = { version: "v", etag: "e", size: 3, uploaded: new Date(0), customMetadata: {} };

/** A store over a bucket that does what the test says: what R2 answers in trouble cannot be asked of its simulation. */
function storeWith(bucket: Partial<Record<keyof R2Bucket, (...args: unknown[]) => unknown>>, locked = false) {
  return r2ObjectStore({
    bucket: bucket as unknown as R2Bucket, // safe because: the test names every member that is called
    jurisdiction: "eu",
    locked,
    clock: { now: () => NOW_MS as UnixMs }, // safe because: a test moment
    timeoutMs: 50,
  });
}
const failing = (message: string) => {
  const fail = () => Promise.reject(new Error(message));
  return { head: fail, get: fail, put: fail, list: fail, delete: fail, createMultipartUpload: fail };
};

describe("a bucket in trouble", () => {
  it.each([
    "get: We encountered an internal error. Please try again. (10001)",
    "put: Too many requests (10058)",
    "Network connection lost.",
  ])("is unavailable: %s", async (message) => {
    const store = storeWith(failing(message));
    await expect(store.put("x", bytes)).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.put("x", bytes, { if_absent: true })).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.get("x")).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.head("x")).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.list("", { limit: 1 })).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.delete("x")).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.check()).rejects.toThrow(ObjectStoreUnavailable);
  });

  it("refuses for good what R2 refuses for good", async () => {
    await expect(storeWith(failing("get: not permitted (10003)")).get("x")).rejects.toThrow(ObjectStoreRefused);
  });

  it("is not waited for longer than a call may take", async () => {
    const silent = () => new Promise(() => undefined);
    const store = storeWith({ head: silent, get: silent, put: silent });
    await expect(store.get("x")).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.put("x", bytes, { if_absent: true })).rejects.toThrow(ObjectStoreUnavailable);
  });
});

describe("a rule of the bucket that locks", () => {
  const refused = () => Promise.reject(new Error("put: Object is locked by bucket policy (10069)"));
  const store = storeWith({ head: async () => there, put: refused, delete: refused }, true);

  it("is claimed in the placement only when the configuration says so", () => {
    expect(store.placement.worm).toBe("bucket-lock");
    expect(storeWith({}).placement.worm).toBe("not WORM");
  });

  it("keeps what is there from being replaced or removed", async () => {
    expect(await store.put("x", bytes)).toEqual({ ok: false, error: { reason: "exists" } });
    await expect(store.delete("x")).rejects.toThrow(ObjectStoreRefused);
  });

  it("removes the parts of a stream that it refused", async () => {
    let aborted = 0;
    const upload = {
      uploadPart: async (partNumber: number) => ({ partNumber, etag: "p" }),
      complete: refused,
      abort: async () => {
        aborted += 1;
      },
    };
    const streaming = storeWith({ head: async () => null, createMultipartUpload: async () => upload }, true);
    const source = async function* () {
      for (let piece = 0; piece < 2; piece++) yield new Uint8Array(8 * 1024 * 1024);
    };
    expect(await streaming.putStream("x", source())).toEqual({ ok: false, error: { reason: "exists" } });
    expect(aborted).toBe(1);
  });
});
