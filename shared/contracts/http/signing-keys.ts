import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { REVOCATION_REASONS } from "../ports/signer.ts";
import { Timestamp } from "./fields.ts";

const lifetime = {
  kid: z
    .string()
    .regex(/^[0-9A-Za-z_-]{43}$/)
    .meta({ description: "RFC 7638 thumbprint of `jwk`." }),
  not_before: Timestamp,
  not_after: Timestamp.nullable().meta({ description: "Null while it has no end." }),
  revoked: z
    .strictObject({ at: Timestamp, reason: z.enum(REVOCATION_REASONS) })
    .nullable()
    .meta({ description: "`compromised` casts doubt on what the key signed before, the other reasons do not." }),
};

const SigningKey = z.discriminatedUnion("alg", [
  z.strictObject({
    ...lifetime,
    alg: z.literal("Ed25519"),
    jwk: z.strictObject({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: z.string().length(43) }),
    vkey: z.string().meta({ description: "C2SP verifier key of this key for the cell's own log." }),
  }),
  z.strictObject({
    ...lifetime,
    alg: z.literal("ML-DSA-65"),
    jwk: z.strictObject({ kty: z.literal("AKP"), alg: z.literal("ML-DSA-65"), pub: z.string().length(2_603) }),
  }),
]);

/** `/.well-known/bailiwick-keys.json` (docs/ledger.md §3): what the cell's ledgers and evidence are verified with. */
export const SigningKeysDocument = z
  .strictObject({
    schema_version: z.literal(1),
    cell: z.string(),
    origin: z
      .string()
      .meta({ description: "Ledger origin of the deployment; a log's origin is it, `/` and the tenant." }),
    keys: z
      .array(SigningKey)
      .max(2 * LIMITS.signingPairsMax)
      .meta({ description: "Newest first; keys that are not in force any more stay for as long as what they signed." }),
  })
  .meta({
    id: "SigningKeysDocument",
    example: {
      schema_version: 1,
      cell: "local",
      origin: "bailiwick.example.com",
      keys: [
        {
          kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
          alg: "Ed25519",
          jwk: { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
          not_before: "2026-11-21T00:00:00.000Z",
          not_after: null,
          revoked: null,
          vkey: "bailiwick.example.com/_cell+603ef1ef+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
        },
      ],
    },
  });
export type SigningKeysDocument = z.infer<typeof SigningKeysDocument>;
