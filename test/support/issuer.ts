import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { type Egress, EgressRefused } from "../../shared/contracts/ports/egress.ts";

/** An identity provider without a network: its documents are answered by `issuerEgress`. */
export interface TestIssuer {
  readonly issuer: string;
  readonly jwks: { keys: JWK[] };
  /** Replaces the signing key; the old one leaves the published set. */
  rotate(kid: string): Promise<void>;
  sign(claims: JWTPayload, header?: Record<string, unknown>): Promise<string>;
}

export async function testIssuer(issuer: string, algorithm = "ES256"): Promise<TestIssuer> {
  const pair = async (kid: string) => {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
    return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, use: "sig", alg: algorithm } };
  };
  let current = await pair("k1");
  const jwks = { keys: [current.jwk as JWK] };
  return {
    issuer,
    jwks,
    async rotate(kid) {
      current = await pair(kid);
      jwks.keys = [current.jwk];
    },
    sign: (claims, header = {}) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: algorithm, typ: "at+jwt", kid: current.kid, ...header })
        .sign(current.privateKey, { crit: { exp: true } }),
  };
}

/** Serves discovery and keys of the given issuers, counts requests, and fails while `down`. */
export function issuerEgress(issuers: readonly TestIssuer[]) {
  const seen: string[] = [];
  const control = { down: false, seen, documents: new Map<string, unknown>() };
  const answer = (url: string): { status: number; body: Uint8Array<ArrayBuffer> } => {
    seen.push(url);
    if (control.down) throw new TypeError("connection refused");
    const json = (value: unknown) => ({ status: 200, body: new TextEncoder().encode(JSON.stringify(value)) });
    if (control.documents.has(url)) return json(control.documents.get(url));
    for (const { issuer, jwks } of issuers) {
      if (url === `${issuer}/.well-known/openid-configuration`) return json({ issuer, jwks_uri: `${issuer}/jwks` });
      if (url === `${issuer}/jwks`) return json(jwks);
    }
    return { status: 404, body: new Uint8Array() };
  };
  const egress: Egress = {
    async tenantGet(url) {
      if (!url.startsWith("https:")) throw new EgressRefused("https only");
      return { ...answer(url), headers: new Headers() };
    },
    tenantMayName: () => false,
    tenantPost: () => Promise.reject(new EgressRefused("unused")),
    async operatorFetch(url) {
      const { status, body } = answer(url);
      return new Response(body, { status });
    },
    exchange: () => Promise.reject(new EgressRefused("unused")),
  };
  return { egress, control };
}
