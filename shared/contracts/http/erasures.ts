import { z } from "zod";
import { Timestamp } from "./fields.ts";
import { pageOf } from "./page.ts";

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const SHA_OF_EXAMPLE = "0a041b9462caa4a31bac3567e0b6e6fd9100787db2ab433d96f6d178cabfce90";

/** `POST /v1/erasures`. */
export const CreateErasure = z
  .strictObject({
    scope: z.literal("subject"),
    subject: z
      .string()
      .min(1)
      .max(256)
      .meta({ description: "As the ledger and `GET /v1/keys` name it: of a token, its `sub`." }),
  })
  .meta({ id: "CreateErasure", example: { scope: "subject", subject: "user1" } });
export type CreateErasure = z.infer<typeof CreateErasure>;

export const ErasureObject = z
  .strictObject({
    object: z.literal("erasure"),
    ledger_seq: z.int().min(0).meta({ description: "Its entry, of kind `data.erased`, in the tenant's ledger." }),
    scope: z.enum(["subject", "conversation", "response"]),
    erased: digest.meta({ description: "SHA-256 of the subject's name or of the object's id." }),
    key: digest.nullable().meta({
      description: "SHA-256 of the wrapped key that was destroyed; null where there was none, or others still need it.",
    }),
    conversations: z.int().min(0).nullable().meta({
      description: "Of a subject: conversations and chains of responses begun under the key, ended ones included.",
    }),
    erased_at: Timestamp,
    erased_by: z.string().meta({ description: "The subject who asked." }),
  })
  .meta({
    id: "Erasure",
    example: {
      object: "erasure",
      ledger_seq: 1024,
      scope: "subject",
      erased: SHA_OF_EXAMPLE,
      key: SHA_OF_EXAMPLE,
      conversations: 3,
      erased_at: "2026-11-21T07:30:00.000Z",
      erased_by: "key:2Zx9",
    },
  });
export type ErasureObject = z.infer<typeof ErasureObject>;
export const ErasureList = pageOf("ErasureList", ErasureObject);
