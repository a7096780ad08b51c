import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK } from "jose";

export const AUDIENCE = "https://cell.example.com";

export interface SigningKey {
  kid: string;
  alg: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  jwk: JWK;
}

export async function signingKey(kid: string, alg: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, use: "sig", alg } };
}

/** An identity provider on loopback with a key of each kind; `discovery` may be changed by a test. */
export class AttackedIssuer {
  keys: Record<"ES256" | "RS256" | "EdDSA", SigningKey> = {} as never; // safe because: `start` fills it before anybody reads
  /** Where its discovery document sends readers instead of answering; null: it answers. */
  redirect: string | null = null;
  /** What its discovery document names; null: its own. */
  jwksUri: string | null = null;
  readonly #server: Server = createServer((request, response) => {
    if (this.redirect !== null) return void response.writeHead(302, { location: this.redirect }).end();
    const json = (value: object) =>
      void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (request.url === "/.well-known/openid-configuration")
      return json({ issuer: this.issuer, jwks_uri: this.jwksUri ?? `${this.issuer}/jwks` });
    if (request.url === "/jwks") return json({ keys: Object.values(this.keys).map(({ jwk }) => jwk) });
    response.writeHead(404).end();
  });

  async start(): Promise<this> {
    await new Promise<void>((ready) => this.#server.listen(0, "127.0.0.1", ready));
    const made = async (alg: "ES256" | "RS256" | "EdDSA") => signingKey(`${alg.toLowerCase()}-1`, alg);
    this.keys = { ES256: await made("ES256"), RS256: await made("RS256"), EdDSA: await made("EdDSA") };
    return this;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // safe because: it listens on TCP
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }
}
