import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "./hex.ts";
import { open } from "./open.ts";
import { seal, sealStream } from "./seal.ts";
import { SEAL } from "./seal-format.ts";
import { sha256Hex } from "./sha256.ts";
import { utf8 } from "./utf8.ts";

const key = Uint8Array.from({ length: 32 }, (_, at) => at);
const salt = new Uint8Array(32).fill(9);
const here = { tenant: "T1", object: "task/a/result" };
const CHUNK = SEAL.chunkBytes + SEAL.tagBytes;
const pattern = (bytes: number) => Uint8Array.from({ length: bytes }, (_, at) => (at * 31) & 255);
const refused = { ok: false, error: { reason: "not_authentic" } };

describe("seal and open", () => {
  it("give back any length, also exactly at chunk borders", async () => {
    for (const bytes of [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000]) {
      const sealed = await seal(key, here, pattern(bytes));
      expect(await open(key, here, sealed)).toEqual({ ok: true, value: pattern(bytes) });
      expect(sealed.length).toBe(36 + bytes + 16 * Math.max(1, Math.ceil(bytes / 65_536)));
    }
  });

  it("keep the format's bytes, so that what is sealed today opens after every release", async () => {
    expect(encodeHex(await seal(key, here, utf8("hello"), salt))).toBe(
      "425701100909090909090909090909090909090909090909090909090909090909090909677a06d700b012c18db55eddd9f3664cb5a6853975",
    );
    expect(sha256Hex(await seal(key, here, pattern(70_000), salt))).toBe(
      "60c4ec5fde6d49b320c1bb4a50bab86fe567a860ededcdc043d6ded6bc21ad03",
    );
  });

  it("make the same bytes from a stream cut anywhere", async () => {
    const plain = pattern(150_000);
    const pieces = [0, 1, 65_536, 65_537, 131_072, 150_000];
    const source = pieces.slice(1).map((end, at) => plain.subarray(pieces[at], end));
    const out: number[] = [];
    for await (const piece of sealStream(key, here, source, salt)) out.push(...piece);
    expect(Uint8Array.from(out)).toEqual(await seal(key, here, plain, salt));
  });

  it("never seal the same text to the same bytes twice", async () => {
    expect(encodeHex(await seal(key, here, utf8("x")))).not.toBe(encodeHex(await seal(key, here, utf8("x"))));
  });

  it("refuse bytes moved to another object or tenant, so that storage cannot swap answers between callers", async () => {
    const sealed = await seal(key, here, utf8("secret"));
    expect(await open(key, { ...here, tenant: "T2" }, sealed)).toEqual(refused);
    expect(await open(key, { ...here, object: "task/b/result" }, sealed)).toEqual(refused);
    expect(await open(key, { tenant: "T1t", object: "ask/a/result" }, sealed)).toEqual(refused);
    expect(await open(new Uint8Array(32), here, sealed)).toEqual(refused);
  });

  it("refuse truncated, reordered, repeated and extended chunks, so that a cut answer never looks whole", async () => {
    const sealed = await seal(key, here, pattern(3 * 65_536));
    const chunk = (at: number) => sealed.slice(36 + at * CHUNK, 36 + (at + 1) * CHUNK);
    const join = (...chunks: Uint8Array[]) => Uint8Array.from([sealed.slice(0, 36), ...chunks].flatMap((c) => [...c]));
    expect((await open(key, here, join(chunk(0), chunk(1), chunk(2)))).ok).toBe(true);
    for (const altered of [
      join(chunk(0), chunk(1)),
      join(chunk(0)),
      join(chunk(1), chunk(0), chunk(2)),
      join(chunk(0), chunk(0), chunk(2)),
      join(chunk(0), chunk(2)),
      join(chunk(0), chunk(1), chunk(2), chunk(2)),
      join(chunk(0), chunk(1), chunk(2), new Uint8Array(1)),
      join(chunk(0), chunk(1), chunk(2).slice(0, 10)),
      sealed.slice(0, -1),
      sealed.slice(0, 40),
      sealed.slice(0, 36),
    ])
      expect(await open(key, here, altered)).toEqual(refused);
  });

  it("refuse every flipped bit of header, body and tag", async () => {
    const sealed = await seal(key, here, utf8("hi"));
    for (let at = 0; at < sealed.length; at++) {
      const altered = sealed.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect((await open(key, here, altered)).ok, `byte ${at}`).toBe(false);
    }
  });

  it("name a foreign format or a future version instead of guessing", async () => {
    const sealed = await seal(key, here, utf8("hi"));
    sealed[2] = 2;
    for (const bytes of [sealed, new Uint8Array(), utf8("plain text that is long enough to be a header")])
      expect(await open(key, here, bytes)).toEqual({ ok: false, error: { reason: "not_sealed" } });
  });
});

interface GcmGroup {
  keySize: number;
  ivSize: number;
  tagSize: number;
  tests: { tcId: number; key: string; iv: string; aad: string; msg: string; ct: string; tag: string; result: string }[];
}
const vectors = new URL("../../../shared/vectors/wycheproof/aes_gcm_test.json.gz", import.meta.url);
const present = existsSync(vectors);
if (!present) console.warn("skipped: the Wycheproof AES-GCM vectors are not on this machine");

it.skipIf(!present)(
  "runs on an AES-GCM that agrees with Wycheproof, so that no runtime weakens the format",
  async () => {
    const bytes = (hex: string) => decodeHex(hex) ?? new Uint8Array();
    const { testGroups }: { testGroups: GcmGroup[] } = JSON.parse(gunzipSync(readFileSync(vectors)).toString("utf8"));
    let ran = 0;
    for (const group of testGroups.filter((g) => g.keySize === 256 && g.ivSize === 96 && g.tagSize === 128))
      for (const test of group.tests) {
        const imported = await crypto.subtle.importKey("raw", bytes(test.key), "AES-GCM", false, ["decrypt"]);
        const opened = await crypto.subtle
          .decrypt(
            { name: "AES-GCM", iv: bytes(test.iv), additionalData: bytes(test.aad) },
            imported,
            bytes(test.ct + test.tag),
          )
          .then((plain) => encodeHex(new Uint8Array(plain)))
          .catch(() => null);
        expect(opened, `test ${test.tcId}`).toBe(test.result === "valid" ? test.msg : null);
        ran++;
      }
    expect(ran).toBeGreaterThan(40);
  },
);
