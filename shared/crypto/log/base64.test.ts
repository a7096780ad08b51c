import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64, encodeBase64 } from "./base64.ts";

describe("base64", () => {
  it("is RFC 4648's", () => {
    const texts = {
      "": "",
      f: "Zg==",
      fo: "Zm8=",
      foo: "Zm9v",
      foob: "Zm9vYg==",
      fooba: "Zm9vYmE=",
      foobar: "Zm9vYmFy",
    };
    for (const [plain, encoded] of Object.entries(texts))
      expect(encodeBase64(new TextEncoder().encode(plain))).toBe(encoded);
    expect(decodeBase64("+/+/")).toEqual(Uint8Array.of(251, 255, 191));
  });

  it("gives back any bytes, also long ones", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
        expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes);
      }),
    );
  });

  it("has one text for given bytes, so that a signature cannot be respelled", () => {
    for (const text of [
      "Zg",
      "Zg=",
      "Zg===",
      "Zh==",
      "Zm9=",
      "Zm9v\n",
      " Zm9v",
      "Zm 9v",
      "Zm9v====",
      "=",
      "====",
      "Z===",
      "-_-_",
      "Zm9v=Zm9",
      "Zm9é",
    ])
      expect(decodeBase64(text), text).toBeNull();
  });
});
