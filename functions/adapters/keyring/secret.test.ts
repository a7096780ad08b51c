import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { decodeBase64url, encodeBase64url } from "../../../shared/crypto/base64url.ts";
import { KeyNotOpened, secretKeyring } from "./secret.ts";

const oldRoot = new Uint8Array(32).fill(1);
const newRoot = new Uint8Array(32).fill(2);
const at = (ms: number) => ({ now: () => ms as UnixMs }); // safe because: test moments are milliseconds

describe("secretKeyring", () => {
  it("opens what it wrapped, for that tenant only, so that a swapped row opens nobody's data", async () => {
    const ring = await secretKeyring([newRoot], at(0));
    const wrapped = await ring.createDataKey("a");
    const key = await ring.openDataKey("a", wrapped);
    expect(key).toHaveLength(32);
    expect(await ring.openDataKey("a", wrapped)).toEqual(key);
    await expect(ring.openDataKey("b", wrapped)).rejects.toBeInstanceOf(KeyNotOpened);
    expect(await ring.createDataKey("a")).not.toBe(wrapped);
  });

  it("refuses every altered byte", async () => {
    const ring = await secretKeyring([newRoot], at(0));
    const bytes = decodeBase64url(await ring.createDataKey("a")) ?? new Uint8Array();
    for (let index = 0; index < bytes.length; index++) {
      const altered = bytes.slice();
      altered[index] = (altered[index] ?? 0) ^ 1;
      await expect(ring.openDataKey("a", encodeBase64url(altered)), `byte ${index}`).rejects.toBeInstanceOf(
        KeyNotOpened,
      );
    }
    for (const text of ["", "AA", "!", encodeBase64url(bytes.slice(1))])
      await expect(ring.openDataKey("a", text)).rejects.toBeInstanceOf(KeyNotOpened);
  });

  it("rotates: the newest root mints and wraps, the previous ones still verify and open, a retired one does not", async () => {
    const before = await secretKeyring([oldRoot], at(0));
    const during = await secretKeyring([newRoot, oldRoot], at(0));
    const after = await secretKeyring([newRoot], at(0));
    const old = await before.createDataKey("a");
    const fresh = await during.createDataKey("a");
    expect(during.macKeys()).toEqual([after.macKeys()[0], before.macKeys()[0]]);
    expect(await during.openDataKey("a", old)).toEqual(await before.openDataKey("a", old));
    expect(await after.openDataKey("a", fresh)).toEqual(await during.openDataKey("a", fresh));
    await expect(after.openDataKey("a", old)).rejects.toBeInstanceOf(KeyNotOpened);
  });

  it("gives copies, so that a caller who clears a key clears nobody else's", async () => {
    const ring = await secretKeyring([newRoot], at(0));
    const wrapped = await ring.createDataKey("a");
    const first = await ring.openDataKey("a", wrapped);
    const text = encodeBase64url(first);
    first.fill(0);
    expect(encodeBase64url(await ring.openDataKey("a", wrapped))).toBe(text);
  });

  it("keeps opened keys for less than 60 s, which is the stated delay of an erasure", async () => {
    let now = 0;
    const ring = await secretKeyring([newRoot], { now: () => now as UnixMs }); // safe because: a test moment
    const wrapped = await ring.createDataKey("a");
    const opened: number[] = [];
    const decrypt = crypto.subtle.decrypt;
    crypto.subtle.decrypt = (...input) => {
      opened.push(now);
      return decrypt.apply(crypto.subtle, input);
    };
    try {
      for (now of [0, 1, 59_999, 60_000, 60_001, 119_999, 120_000]) await ring.openDataKey("a", wrapped);
    } finally {
      crypto.subtle.decrypt = decrypt;
    }
    expect(opened).toEqual([0, 60_000, 120_000]);
  });

  it("refuses to start without a root of 256 bits", async () => {
    await expect(secretKeyring([], at(0))).rejects.toThrow(RangeError);
    await expect(secretKeyring([newRoot, new Uint8Array(31)], at(0))).rejects.toThrow(RangeError);
  });

  it("signs statements with keys of their own, newest first, so that no signature of one use is good for another", async () => {
    const ring = await secretKeyring([newRoot, oldRoot], at(0));
    const before = await secretKeyring([oldRoot], at(0));
    expect(ring.statementKeys()).toHaveLength(2);
    expect(ring.statementKeys()[1]).toEqual(before.statementKeys()[0]);
    expect(ring.workloadKeys()[1]).toEqual(before.workloadKeys()[0]);
    const all = [
      ...ring.statementKeys(),
      ...ring.workloadKeys(),
      ...ring.callbackKeys(),
      ...ring.macKeys(),
      newRoot,
      oldRoot,
    ].map(encodeBase64url);
    expect(new Set(all).size).toBe(all.length);
  });
});
