import { z } from "zod";
import {
  REVOCATION_REASONS,
  type Signer,
  SignerUnavailable,
  type VerifierKey,
} from "../../../shared/contracts/ports/signer.ts";
import type { Result } from "../../../shared/contracts/result.ts";
import { SigningRefused } from "./signing-rules.ts";

/** Why nothing was signed. Errors lose their class between isolates and threads, so the reason travels as data. */
export interface SigningFault {
  reason: "unavailable" | "refused";
  message: string;
}
export type SigningAnswer<T> = Result<T, SigningFault>;

/** The `Signer` port as it crosses an isolate or a thread: same calls, answers as data. */
export interface SignerService {
  keys(): Promise<SigningAnswer<VerifierKey[]>>;
  signCheckpoint(...args: Parameters<Signer["signCheckpoint"]>): Promise<SigningAnswer<{ note: string; dsse: string }>>;
  signStatement(...args: Parameters<Signer["signStatement"]>): Promise<SigningAnswer<string>>;
}

/** Serves a signer to another isolate or thread. Rejects only for what is a bug. */
export function signerService(signer: Signer): SignerService {
  return {
    keys: () => answered(() => signer.keys()),
    signCheckpoint: (checkpoint) => answered(() => signer.signCheckpoint(checkpoint)),
    signStatement: (statement) => answered(() => signer.signStatement(statement)),
  };
}

async function answered<T>(work: () => Promise<T>): Promise<SigningAnswer<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (cause) {
    if (cause instanceof SignerUnavailable)
      return { ok: false, error: { reason: "unavailable", message: cause.message } };
    if (cause instanceof SigningRefused) return { ok: false, error: { reason: "refused", message: cause.message } };
    throw cause;
  }
}

const fault = z.object({
  ok: z.literal(false),
  error: z.object({ reason: z.enum(["unavailable", "refused"]), message: z.string() }),
});
const answerOf = <T extends z.ZodType>(value: T) =>
  z.discriminatedUnion("ok", [z.object({ ok: z.literal(true), value }), fault]);
const ms = z.int().transform((value) => value as VerifierKey["not_before_ms"]); // safe because: times are sent as they were made
const Key = z.object({
  kid: z.string(),
  alg: z.enum(["Ed25519", "ML-DSA-65"]),
  jwk: z.record(z.string(), z.string()),
  not_before_ms: ms,
  not_after_ms: ms.nullable(),
  revoked: z.object({ at_ms: ms, reason: z.enum(REVOCATION_REASONS) }).nullable(),
});
const Keys = answerOf(z.array(Key));
const Signed = answerOf(z.object({ note: z.string(), dsse: z.string() }));
const Envelope = answerOf(z.string());

/** The `Signer` port over a service somewhere else. What is no answer of a signer is `SignerUnavailable`. */
export function signerOver(service: SignerService): Signer {
  return {
    keys: async () => taken(Keys, await service.keys()),
    signCheckpoint: async (checkpoint) => taken(Signed, await service.signCheckpoint(checkpoint)),
    signStatement: async (statement) => taken(Envelope, await service.signStatement(statement)),
  };
}

function taken<T>(schema: z.ZodType<SigningAnswer<T>>, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (!parsed.success) throw new SignerUnavailable("the signer's answer was not understood");
  if (parsed.data.ok) return parsed.data.value;
  const { reason, message } = parsed.data.error;
  throw reason === "refused" ? new SigningRefused(message) : new SignerUnavailable(message);
}
