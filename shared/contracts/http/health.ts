import { z } from "zod";

/** The fixed, unauthenticated answer of `GET /health`. */
export const Health = z.strictObject({ status: z.literal("ok") }).meta({ id: "Health", example: { status: "ok" } });
export type Health = z.infer<typeof Health>;

const dependency = z.strictObject({ name: z.string(), reason: z.string() });

/** `GET /readyz`: `unready` (503) names what is missing, `degraded` (200) what the cell does without. */
export const Readiness = z
  .strictObject({
    status: z.enum(["ready", "degraded", "unready"]),
    missing: z.array(dependency),
    degraded: z.array(dependency),
  })
  .meta({
    id: "Readiness",
    example: { status: "degraded", missing: [], degraded: [{ name: "control-db", reason: "connection refused" }] },
  });
export type Readiness = z.infer<typeof Readiness>;

/** RFC 9728, section 2. */
export const ProtectedResourceMetadata = z
  .strictObject({
    resource: z.url(),
    authorization_servers: z.array(z.url()).optional(),
    scopes_supported: z.array(z.string()).optional(),
    bearer_methods_supported: z.array(z.string()),
    resource_name: z.string().optional(),
    resource_documentation: z.url().optional(),
  })
  .meta({
    id: "ProtectedResourceMetadata",
    example: { resource: "https://eu1.example.com", bearer_methods_supported: ["header"] },
  });
export type ProtectedResourceMetadata = z.infer<typeof ProtectedResourceMetadata>;
