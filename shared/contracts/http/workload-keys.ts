import { z } from "zod";

/** `/.well-known/jwks.json` (RFC 7517). */
export const WorkloadKeySet = z
  .strictObject({
    keys: z.array(
      z.strictObject({
        kty: z.literal("OKP"),
        crv: z.literal("Ed25519"),
        x: z.string().length(43),
        kid: z.string(),
        alg: z.literal("EdDSA"),
        use: z.literal("sig"),
      }),
    ),
  })
  .meta({ id: "WorkloadKeySet" });
