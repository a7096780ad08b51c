import { createHash, createPublicKey, verify } from "node:crypto";
import { httpbis } from "http-message-signatures";
import type { ReceivedCallback } from "./callback-receiver.ts";

interface Key {
  kid: string;
  kty: string;
  crv: string;
  x: string;
}

/** Whether an independent implementation of RFC 9421 takes the request, and its body has the digest that was signed. */
export async function verifiedBy(
  keys: readonly Key[],
  { method, url, headers, body }: ReceivedCallback,
): Promise<boolean> {
  const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  if (headers["content-digest"] !== digest) return false;
  const single = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  const verified = await httpbis.verifyMessage(
    {
      requiredParams: ["created", "expires", "keyid", "alg", "tag"],
      requiredFields: [
        "@method",
        "@target-uri",
        "content-type",
        "content-digest",
        "x-bailiwick-delivery",
        "x-bailiwick-attempt",
      ],
      async keyLookup({ keyid }) {
        const found = keys.find(({ kid }) => kid === keyid);
        if (!found) return null;
        const { kty, crv, x } = found;
        const key = createPublicKey({ key: { kty, crv, x }, format: "jwk" });
        return {
          id: found.kid,
          algs: ["ed25519"],
          verify: async (data: Buffer, signature: Buffer) => verify(null, data, key, signature),
        };
      },
    },
    { method, url, headers: single },
  );
  return verified === true;
}
