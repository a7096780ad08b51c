import { describe, expect, it } from "vitest";
import { SigningKeysDocument } from "../../../shared/contracts/http/signing-keys.ts";
import { decodeBase64url } from "../../../shared/crypto/base64url.ts";
import { keyThumbprint } from "../../../shared/crypto/log/jwk-thumbprint.ts";
import { parseVerifierKey } from "../../../shared/crypto/log/note.ts";
import { parseKeysFile } from "../../../shared/evidence/keys-file.ts";
import type { Lab } from "../../support/lab.ts";

const PATH = "/.well-known/bailiwick-keys.json";

export function keysDocumentSuite(lab: Lab): void {
  /** As a verifier asks: with no credential. */
  const fetched = () => fetch(`${lab.cell.url}${PATH}`);
  const document = async () => SigningKeysDocument.parse(await (await fetched()).json());

  describe("the signing keys of a cell", () => {
    it("are public, and nothing stands beside them that the contract does not name", async () => {
      const response = await fetched();
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
      expect(response.headers.get("cache-control")).toMatch(/^public, max-age=\d+$/);
      expect(SigningKeysDocument.safeParse(await response.json()).error).toBeUndefined();
    });

    it("hold a pair in force, so that evidence of this moment can be verified", async () => {
      const now = Date.now();
      const { keys, cell } = await document();
      const inForce = keys.filter(
        ({ not_before, not_after, revoked }) =>
          revoked === null && Date.parse(not_before) <= now && (not_after === null || now < Date.parse(not_after)),
      );
      expect(new Set(inForce.map(({ alg }) => alg))).toEqual(new Set(["Ed25519", "ML-DSA-65"]));
      expect(cell).toBe("local");
    });

    it("are named by their RFC 7638 thumbprints, so that a signature's key id finds its key", async () => {
      for (const { kid, alg, jwk } of (await document()).keys) {
        const publicKey = decodeBase64url("pub" in jwk ? jwk.pub : jwk.x) ?? new Uint8Array();
        expect(kid).toBe(keyThumbprint(alg === "Ed25519" ? "ed25519" : "mldsa65", publicKey));
      }
    });

    it("carry a C2SP verifier key of the cell's own log, so that stock tools can follow it", async () => {
      const { keys, origin } = await document();
      const vkeys = keys.flatMap((key) =>
        key.alg === "Ed25519" ? [{ ...key, note: parseVerifierKey(key.vkey) }] : [],
      );
      expect(vkeys.length).toBeGreaterThan(0);
      for (const { note, jwk } of vkeys)
        expect(note).toEqual({
          name: `${origin}/local/_cell`,
          publicKey: new Uint8Array(decodeBase64url(jwk.x) ?? []),
        });
    });

    it("are what our own verifier reads as a keys file, saved as they come", async () => {
      const read = parseKeysFile(new Uint8Array(await (await fetched()).arrayBuffer()));
      expect(read).toMatchObject({ ok: true });
      expect(read.ok && read.value.length).toBe((await document()).keys.length);
    });

    it("answer many strangers at once alike, without a secret", async () => {
      const answers = await Promise.all(Array.from({ length: 100 }, async () => (await fetched()).text()));
      expect(new Set(answers).size).toBe(1);
      expect(answers[0]).not.toMatch(/seed|"d":/);
    });
  });
}
