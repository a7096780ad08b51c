import { z } from "zod";
import { BUNDLE_ALGORITHMS, BundleKeyId, BundlePublicKey, PUBLIC_BUNDLE_ALGORITHMS } from "../config/bundles.ts";
import { TenantId } from "../ids.ts";
import { Timestamp } from "./fields.ts";

/** Path of one key; an id that cannot exist is answered like one that does not. */
export const PolicyKeyPath = z.strictObject({ kid: BundleKeyId });
export const PolicyKeyQuery = z.strictObject({
  tenant: TenantId.optional().meta({ description: "Whose keys; only operators of the cell may name another tenant." }),
});

const examplePem =
  "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

/** `PUT /v1/policies/keys/{kid}`. */
export const PutPolicyKey = z
  .strictObject({
    algorithm: z.enum(PUBLIC_BUNDLE_ALGORITHMS).meta({ description: "The only one that the key verifies." }),
    public_key: BundlePublicKey.meta({ description: "PEM, or a JWK without private members." }),
  })
  .refine(({ algorithm, public_key }) => typeof public_key === "string" || fits(algorithm, public_key.alg), {
    path: ["public_key", "alg"],
    error: "the key is for another algorithm",
  })
  .meta({ id: "PutPolicyKey", example: { algorithm: "EdDSA", public_key: examplePem } });

const fits = (algorithm: string, stated: string | undefined): boolean =>
  stated === undefined || stated === algorithm || (algorithm === "EdDSA" && stated === "Ed25519");

export const PolicyKeyObject = z
  .strictObject({
    object: z.literal("policy.key"),
    id: z.string(),
    algorithm: z.enum(BUNDLE_ALGORITHMS),
    public_key: z
      .union([z.string(), z.record(z.string(), z.unknown())])
      .nullable()
      .meta({ description: "Null: a secret that the cell's configuration names." }),
    source: z.enum(["registered", "configured"]).meta({
      description: "Registered here, or in the configuration of the cell, where its operators change it.",
    }),
    created_at: Timestamp.nullable(),
    created_by: z.string().nullable(),
  })
  .meta({
    id: "PolicyKey",
    example: {
      object: "policy.key",
      id: "release-2026",
      algorithm: "EdDSA",
      public_key: examplePem,
      source: "registered",
      created_at: "2026-11-18T09:30:00.000Z",
      created_by: "user:officer",
    },
  });
export type PolicyKeyObject = z.infer<typeof PolicyKeyObject>;

/** Whole: there are few. */
export const PolicyKeyList = z
  .strictObject({ object: z.literal("list"), data: z.array(PolicyKeyObject), version: z.int() })
  .meta({ id: "PolicyKeyList", example: { object: "list", data: [], version: 1 } });
export type PolicyKeyList = z.infer<typeof PolicyKeyList>;
