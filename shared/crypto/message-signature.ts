import { ed25519 } from "@noble/curves/ed25519.js";
import { type PublicKey, publicKeyOf } from "./ed25519-jwk.ts";
import { sha256 } from "./sha256.ts";
import { utf8 } from "./utf8.ts";

/** A request as it is signed; header names are lower case, values single and without surrounding space. */
export interface SignedRequest {
  method: string;
  /** As it is asked; a fragment is no part of it. */
  url: URL;
  headers: Readonly<Record<string, string>>;
}

export interface SignatureTimes {
  /** Unix milliseconds; whole seconds in the signature. */
  createdMs: number;
  expiresMs: number;
}

/** Signs requests under the newest of the keys that a cell publishes. */
export interface MessageSigner {
  /** `signature-input` and `signature` over method, target URI and all of `headers`. */
  sign(request: SignedRequest, times: SignatureTimes): { "signature-input": string; signature: string };
  /** Public keys, newest first. */
  keys(): PublicKey[];
}

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

/** RFC 9530 §2, SHA-256. */
export const contentDigest = (body: Uint8Array): string => `sha-256=:${base64(sha256(body))}:`;

/** RFC 8941 §3.3.3: what these strings hold needs no escape. */
const PLAIN = /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/;

/**
 * HTTP message signatures (RFC 9421) with Ed25519. `seeds`: newest first, the first signs. `tag` says what the signature
 * is for, so that one made here stands for nothing else.
 */
export function messageSigner(seeds: readonly Uint8Array[], tag: string): MessageSigner {
  const [newest] = seeds;
  if (newest === undefined) throw new RangeError("message signatures need a key");
  const keys = seeds.map(publicKeyOf);
  const kid = keys[0]?.kid ?? "";
  if (!PLAIN.test(tag)) throw new RangeError("a tag is plain text");
  return {
    sign({ method, url, headers }, { createdMs, expiresMs }) {
      const target = new URL(url);
      target.hash = "";
      const covered: [name: string, value: string][] = [
        ["@method", method],
        ["@target-uri", target.href],
        ...Object.entries(headers),
      ];
      const names = covered.map(([name]) => `"${name}"`).join(" ");
      const seconds = (ms: number) => Math.floor(ms / 1_000);
      const parameters = `(${names});created=${seconds(createdMs)};expires=${seconds(expiresMs)};keyid="${kid}";alg="ed25519";tag="${tag}"`;
      const lines = covered.map(([name, value]) => `"${name}": ${value}`);
      const base = utf8([...lines, `"@signature-params": ${parameters}`].join("\n"));
      return { "signature-input": `sig=${parameters}`, signature: `sig=:${base64(ed25519.sign(base, newest))}:` };
    },
    keys: () => keys.map((key) => ({ ...key })),
  };
}
