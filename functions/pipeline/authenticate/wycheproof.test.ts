import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { keyFor, readKeySet } from "./key-set.ts";
import { signedBy } from "./token-authenticator.ts";
import { tokenParts } from "./token-parts.ts";
import { acceptHeader } from "./token-rules.ts";

interface Group {
  comment: string;
  public?: JsonObject;
  private: JsonObject;
  tests: { tcId: number; comment: string; result: "valid" | "invalid"; jws?: unknown }[];
}

const folder = new URL("../../../../shared/vectors/wycheproof/", import.meta.url);
const present = existsSync(folder);
if (!present) console.warn("skipped: the Wycheproof JOSE vectors are not on this machine");
const groupsOf = (file: string): Group[] =>
  present ? JSON.parse(gunzipSync(readFileSync(new URL(file, folder))).toString("utf8")).testGroups : [];

/** The verifier without the rules of access tokens: the vectors sign arbitrary texts. */
async function verifies(token: string, document: JsonObject): Promise<boolean> {
  const keys = await readKeySet(document);
  const parts = tokenParts(token);
  const header = parts === null ? null : acceptHeader(parts.header);
  const key = keys === null || header === null ? null : keyFor(keys, header.kid, header.algorithm);
  return key !== null && signedBy(token, key);
}

const symmetric = (jwk: JsonObject | undefined) => jwk?.kty === "oct";
/** Signatures that are good but made with another algorithm than their key is for: `ES521` keys, one PS256 key. */
const pinnedElsewhere = (jwk: JsonObject, token: string) => tokenParts(token)?.header.alg !== jwk.alg;

describe.skipIf(!present)("Wycheproof JOSE vectors", () => {
  it("verifies the valid signatures of asymmetric keys and refuses everything else", async () => {
    let accepted = 0;
    let refused = 0;
    for (const group of groupsOf("json_web_signature_test.json.gz")) {
      const jwk = group.public ?? group.private;
      for (const test of group.tests) {
        const token = typeof test.jws === "string" ? test.jws : JSON.stringify(test.jws);
        const expected = test.result === "valid" && !symmetric(jwk) && !pinnedElsewhere(jwk, token);
        expect(await verifies(token, { keys: [jwk] }), `${group.comment} ${test.tcId} ${test.comment}`).toBe(expected);
        if (expected) accepted++;
        else refused++;
      }
    }
    expect([accepted, refused]).toEqual([32, 369]);
  });

  it("refuses weak, private, misused and malformed keys, and sets that must not be trusted", async () => {
    let accepted = 0;
    for (const group of groupsOf("json_web_key_test.json.gz")) {
      const document = group.public ?? group.private;
      const secret = Array.isArray(document.keys) && document.keys.some((jwk) => symmetric(jwk as JsonObject)); // safe because: keys of a set are objects
      for (const test of group.tests) {
        const expected = test.result === "valid" && !secret;
        expect(await verifies(String(test.jws), document), `${group.comment} ${test.tcId}`).toBe(expected);
        if (expected) accepted++;
      }
    }
    expect(accepted).toBe(1);
  });
});
