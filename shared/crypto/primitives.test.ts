import { describe, expect, it } from "vitest";
import { base62Chars, decodeBase62, encodeBase62, isBase62 } from "./base62.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { commitment, opensCommitment } from "./commitment.ts";
import { constantTimeEqual, constantTimeEqualText } from "./constant-time-equal.ts";
import { crc32 } from "./crc32.ts";
import { decodeHex, encodeHex } from "./hex.ts";
import { hkdfSha256 } from "./hkdf.ts";
import { hmacSha256 } from "./hmac-sha256.ts";
import { sha256, sha256Hex } from "./sha256.ts";
import { utf8 } from "./utf8.ts";

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));

describe("hashes", () => {
  it("match FIPS 180-4, RFC 4231 and RFC 5869, so that third parties can recompute them", () => {
    expect(sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(encodeHex(sha256(new Uint8Array()))).toBe(
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    expect(encodeHex(hmacSha256(utf8("Jefe"), "what do ya want for nothing?"))).toBe(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    const okm = hkdfSha256(
      new Uint8Array(22).fill(0x0b),
      Uint8Array.from({ length: 13 }, (_, at) => at),
      Uint8Array.from({ length: 10 }, (_, at) => 0xf0 + at),
      42,
    );
    expect(encodeHex(okm)).toBe("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    expect(crc32("123456789")).toBe(0xcbf43926);
  });

  it("commit with a salt, so that a short text cannot be guessed from its digest", () => {
    const salt = random(16);
    const committed = commitment(salt, "yes");
    expect(encodeHex(committed)).not.toBe(sha256Hex("yes"));
    expect(opensCommitment(committed, salt, "yes")).toBe(true);
    expect(opensCommitment(committed, salt, "no")).toBe(false);
    expect(opensCommitment(committed, random(16), "yes")).toBe(false);
    expect(opensCommitment(committed, new Uint8Array(), "yes")).toBe(false);
    expect(() => commitment(new Uint8Array(), "yes")).toThrow(RangeError);
  });
});

describe("encodings", () => {
  it("round-trip any bytes", () => {
    for (let length = 0; length < 70; length++) {
      const bytes = random(length);
      expect(decodeHex(encodeHex(bytes))).toEqual(bytes);
      expect(decodeBase64url(encodeBase64url(bytes))).toEqual(bytes);
      expect(encodeBase64url(bytes)).toBe(Buffer.from(bytes).toString("base64url"));
      expect(decodeBase62(encodeBase62(bytes), length)).toEqual(bytes);
      expect(encodeBase62(bytes)).toHaveLength(base62Chars(length));
    }
  });

  it("refuse every second spelling of the same bytes, so that a token cannot be altered and stay valid", () => {
    for (const text of ["QQ==", "QR", "Q", "QUI=", "QUJ D", "QUJ\n", "QUJD+", "QU/D", "QUK", "é", "QU\u0100D"])
      expect(decodeBase64url(text), text).toBeNull();
    expect(decodeBase64url("QQ")).toEqual(utf8("A"));
    for (const text of ["A", "AB", "0g", "0 ", "é0"]) expect(decodeHex(text), text).toBeNull();
  });

  it("refuse base62 that is foreign or does not fit", () => {
    expect(encodeBase62(new Uint8Array(32).fill(255))).toHaveLength(43);
    expect(decodeBase62("z".repeat(43), 32)).toBeNull();
    expect(decodeBase62("-".repeat(6), 4)).toBeNull();
    expect(() => encodeBase62(new Uint8Array(16).fill(255), 21)).toThrow(RangeError);
    expect(() => encodeBase62(new Uint8Array(4).fill(255), 5)).toThrow(RangeError);
    expect(encodeBase62(new Uint8Array(4), 6)).toBe("000000");
    expect([isBase62("aZ9"), isBase62(""), isBase62("a_"), isBase62("aé")]).toEqual([true, false, false, false]);
  });

  it("sort base62 as their numbers, so that minted ids sort by time", () => {
    const texts = [0, 1, 61, 62, 255, 256, 65_535].map((value) => encodeBase62(Uint8Array.of(value >> 8, value & 255)));
    expect([...texts].sort()).toEqual(texts);
  });
});

describe("constant-time comparison", () => {
  it("answers as plain comparison does", () => {
    expect(constantTimeEqual(utf8("same"), utf8("same"))).toBe(true);
    expect(constantTimeEqual(utf8("same"), utf8("sane"))).toBe(false);
    expect(constantTimeEqual(utf8("same"), utf8("sam"))).toBe(false);
    expect(constantTimeEqualText("same", "same")).toBe(true);
    expect(constantTimeEqualText("same", "samf")).toBe(false);
    expect(constantTimeEqualText("", "")).toBe(true);
  });
});
