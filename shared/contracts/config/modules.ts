import { z } from "zod";

/** `modules.yml`: validated and kept; nothing runs from it yet. */
export const ModuleEntry = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, "a module name: lower-case letters, digits, _ and -"),
  /** An OCI reference with a tag or a digest, so that it names one version. */
  ref: z
    .string()
    .max(512)
    .regex(
      /^[a-z0-9.-]+(?::\d{1,5})?(?:\/[a-z0-9._-]+)+(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$/,
      "an OCI reference with a tag or a digest, such as images.example.com/team/module:1.0.0",
    ),
  runtime: z.enum(["wasm", "container"]),
  signatures: z.array(z.string().min(1).max(4_096)).max(16).default([]),
  timeout_ms: z.number().int().min(1).max(600_000).optional(),
  limits: z
    .strictObject({
      cpu: z
        .string()
        .regex(/^\d{1,4}(?:\.\d{1,3})?m?$/, 'CPU such as "0.5" or "500m"')
        .optional(),
      memory: z
        .string()
        .regex(/^\d{1,6}(?:Ki|Mi|Gi)$/, 'memory such as "256Mi"')
        .optional(),
    })
    .optional(),
});

export const ModulesFile = z.strictObject({ modules: z.array(ModuleEntry).max(1_000).default([]) });
export type ModulesFile = z.infer<typeof ModulesFile>;
