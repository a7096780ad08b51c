import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "./hex.ts";

const vectors = new URL("../../../shared/vectors/wycheproof/aes_gcm_test.json.gz", import.meta.url);
const present = existsSync(vectors);
if (!present) console.warn("skipped: the Wycheproof vectors are not on this machine");

interface Test {
  tcId: number;
  comment: string;
  key: string;
  iv: string;
  aad: string;
  msg: string;
  ct: string;
  tag: string;
  result: "valid" | "invalid";
}
interface Group {
  ivSize: number;
  keySize: number;
  tagSize: number;
  tests: Test[];
}
const bytes = (hex: string): Uint8Array<ArrayBuffer> => {
  const decoded = decodeHex(hex);
  if (decoded === null) throw new Error("a vector is not hex");
  return decoded;
};

describe("the AES-GCM that sealed objects are made with", () => {
  it.skipIf(!present)(
    "judges every Wycheproof case of its sizes as published, so that no altered object opens",
    async () => {
      const { testGroups }: { testGroups: Group[] } = JSON.parse(gunzipSync(readFileSync(vectors)).toString("utf8"));
      // Sealed objects use 256-bit keys, 96-bit nonces and 128-bit tags (`seal-format.ts`), nothing else.
      const groups = testGroups.filter(
        ({ ivSize, keySize, tagSize }) => ivSize === 96 && keySize === 256 && tagSize === 128,
      );
      const seen = { valid: 0, invalid: 0 };
      for (const test of groups.flatMap(({ tests }) => tests)) {
        const name = `${test.tcId}: ${test.comment}`;
        const key = await crypto.subtle.importKey("raw", bytes(test.key), "AES-GCM", false, ["encrypt", "decrypt"]);
        const parameters = { name: "AES-GCM", iv: bytes(test.iv), additionalData: bytes(test.aad), tagLength: 128 };
        const opened = await crypto.subtle.decrypt(parameters, key, bytes(test.ct + test.tag)).then(
          (plain) => encodeHex(new Uint8Array(plain)),
          () => null,
        );
        expect(opened, name).toBe(test.result === "valid" ? test.msg : null);
        if (test.result === "valid") {
          const sealed = await crypto.subtle.encrypt(parameters, key, bytes(test.msg));
          expect(encodeHex(new Uint8Array(sealed)), name).toBe(test.ct + test.tag);
        }
        seen[test.result]++;
      }
      expect(seen).toEqual({ valid: 39, invalid: 27 });
    },
  );
});
