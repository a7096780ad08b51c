import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { DisplayName, Timestamp } from "./fields.ts";
import { pageOf } from "./page.ts";

const provider = z
  .string()
  .min(1)
  .max(64)
  .meta({ description: "A provider of the cell's configuration that takes tenants' credentials." });

/** `POST /v1/credentials`: a provider key that the tenant brings. It is sealed before it is stored, and never answered. */
export const CreateCredential = z
  .strictObject({
    provider,
    name: DisplayName,
    secret: z
      .string()
      .min(1)
      .max(LIMITS.credentialSecretBytesMax)
      .regex(/^[\x21-\x7e]+$/)
      .meta({ description: "Printable ASCII without spaces, as it goes into a header.", writeOnly: true }),
  })
  .meta({
    id: "CreateCredential",
    example: { provider: "openai", name: "team account", secret: "<provider-key>" },
  });
export type CreateCredential = z.infer<typeof CreateCredential>;

export const CredentialObject = z
  .strictObject({
    object: z.literal("credential"),
    id: z.string(),
    provider: z.string(),
    name: z.string(),
    created_at: Timestamp,
  })
  .meta({
    id: "CredentialObject",
    example: {
      object: "credential",
      id: "cred_01JD0000000000000000000000",
      provider: "openai",
      name: "team account",
      created_at: "2026-11-18T09:30:00.000Z",
    },
  });
export type CredentialObject = z.infer<typeof CredentialObject>;

export const CredentialList = pageOf("CredentialList", CredentialObject);
export type CredentialList = z.infer<typeof CredentialList>;
