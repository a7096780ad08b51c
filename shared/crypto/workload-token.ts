import { importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { TaskId, TenantId } from "../contracts/ids.ts";
import { LIMITS } from "../contracts/limits.ts";
import { QUEUE_CLASSES } from "../contracts/ports/job-queue.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { encodeBase64url } from "./base64url.ts";
import { type PublicKey, publicKeyOf } from "./ed25519-jwk.ts";

const Scopes = z.array(z.string().max(64)).max(256);
const text = (max: number) => z.string().min(1).max(max);

/** Authority to ask for one task: whose it is, for which pool, and the digest of the context beside it. */
export const Ticket = z.object({
  sub: TaskId,
  tenant: TenantId,
  pool: text(LIMITS.queuePoolCharsMax),
  class: z.enum(QUEUE_CLASSES),
  /** SHA-256 of the context's text, hex. */
  ctx: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Ticket = z.infer<typeof Ticket>;

/** Who a worker is and whose tasks it may have; an absent list is no restriction. */
export const WorkerClaims = z.object({
  sub: text(256),
  /** Its name in logs. */
  worker: text(128),
  pool: text(LIMITS.queuePoolCharsMax),
  tenants: Scopes.optional(),
  workspaces: Scopes.optional(),
  environments: Scopes.optional(),
});
export type WorkerClaims = z.infer<typeof WorkerClaims>;

/** Neither stands for the other, nor for an access token: `typ` is part of what is signed and verified. */
const TYPES = { ticket: "bailiwick-ticket+jwt", worker: "bailiwick-worker+jwt" } as const;
const ALGORITHM = "EdDSA";

export type TokenRefusal = { reason: "invalid" } | { reason: "expired" };
type Read<T> = Promise<Result<T & { expires_ms: number }, TokenRefusal>>;

/** JWTs that the cell signs for its own workers and verifies itself. Times are milliseconds, whole seconds in the token. */
export interface WorkloadTokens {
  signTicket(ticket: Ticket, times: { now: number; expires: number }): Promise<string>;
  signWorker(claims: WorkerClaims, times: { now: number; expires: number }): Promise<string>;
  readTicket(token: string, now: number): Read<Ticket>;
  /** What a ticket of this cell said, also once it has ended. It is no authority to run anything. */
  readEndedTicket(token: string): Read<Ticket>;
  readWorker(token: string, now: number): Read<WorkerClaims>;
  /** Public keys, newest first. */
  jwks(): { keys: PublicKey[] };
}

/** Names the cell as audience and issuer of its own tokens. */
export const cellUri = (cell: string): string => `urn:bailiwick:cell:${cell}`;

/** `seeds`: Ed25519 seeds, newest first; the first signs, all verify. `audience`: this cell and no other. */
export function workloadTokens(seeds: readonly Uint8Array[], audience: string): WorkloadTokens {
  const keys = seeds.map(keyOf);
  const [newest] = keys;
  if (newest === undefined) throw new RangeError("workload tokens need a key");

  async function sign(type: string, claims: JWTPayload, { now, expires }: { now: number; expires: number }) {
    const header = { alg: ALGORITHM, kid: newest?.jwk.kid ?? "", typ: type };
    return new SignJWT(claims)
      .setProtectedHeader(header)
      .setIssuer(audience)
      .setAudience(audience)
      .setIssuedAt(Math.floor(now / 1_000))
      .setExpirationTime(Math.floor(expires / 1_000))
      .sign(await (newest as Key).signing()); // safe because: it was looked at above
  }

  async function read<T>(token: string, now: number, typ: string, schema: z.ZodType<T>): Read<T> {
    try {
      const { payload } = await jwtVerify(
        token,
        ({ kid }) => {
          const key = keys.find(({ jwk }) => jwk.kid === kid);
          if (!key) throw new Error("unknown key");
          return key.verifying();
        },
        {
          ...{ typ, audience, issuer: audience, algorithms: [ALGORITHM], currentDate: new Date(now) },
          requiredClaims: ["sub", "iat", "exp"],
        },
      );
      const claims = schema.safeParse(payload);
      return claims.success
        ? ok({ ...claims.data, expires_ms: (payload.exp ?? 0) * 1_000 })
        : err({ reason: "invalid" });
    } catch (cause) {
      // jose names what is wrong; whoever sent it learns only whether it was good once.
      const code = cause instanceof Error && "code" in cause ? cause.code : null;
      return err({ reason: code === "ERR_JWT_EXPIRED" ? "expired" : "invalid" });
    }
  }

  return {
    signTicket: (ticket, times) => sign(TYPES.ticket, { ...ticket }, times),
    signWorker: (claims, times) => sign(TYPES.worker, { ...claims }, times),
    readTicket: (token, now) => read(token, now, TYPES.ticket, Ticket),
    // Only its end is compared with the time.
    readEndedTicket: (token) => read(token, 0, TYPES.ticket, Ticket),
    readWorker: (token, now) => read(token, now, TYPES.worker, WorkerClaims),
    jwks: () => ({ keys: keys.map(({ jwk }) => ({ ...jwk })) }),
  };
}

type Imported = Awaited<ReturnType<typeof importJWK>>;
interface Key {
  jwk: PublicKey;
  signing(): Promise<Imported>;
  verifying(): Promise<Imported>;
}

function keyOf(seed: Uint8Array): Key {
  const jwk = publicKeyOf(seed);
  const { x } = jwk;
  const once = (make: () => JWK) => {
    let imported: Promise<Imported> | null = null;
    return () => {
      imported ??= importJWK(make(), ALGORITHM);
      return imported;
    };
  };
  return {
    jwk,
    signing: once(() => ({ kty: "OKP", crv: "Ed25519", x, d: encodeBase64url(seed) })),
    verifying: once(() => ({ kty: "OKP", crv: "Ed25519", x })),
  };
}
