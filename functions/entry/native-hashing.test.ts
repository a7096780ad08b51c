import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableHashing } from "../../shared/crypto/hashing.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { nativeHashing } from "./native-hashing.ts";

describe("native hashing", () => {
  it("gives the portable implementation's bytes, so that ledgers verify wherever they were written", () => {
    const data = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: "binary" }));
    fc.assert(
      fc.property(data, fc.uint8Array({ maxLength: 100 }), (value, key) => {
        expect(nativeHashing.sha256Hex(value)).toBe(portableHashing.sha256Hex(value));
        expect(encodeHex(nativeHashing.sha256(value))).toBe(encodeHex(portableHashing.sha256(value)));
        expect(encodeHex(nativeHashing.hmacSha256(key, value))).toBe(encodeHex(portableHashing.hmacSha256(key, value)));
        const [a, b] = [nativeHashing.running(), portableHashing.running()];
        for (const running of [a, b]) {
          running.update(key);
          running.update(key.subarray(1));
        }
        expect(encodeHex(a.digest())).toBe(encodeHex(b.digest()));
      }),
    );
  });
});
