import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { PoolName } from "./fields.ts";
import { TOKEN_ALGORITHMS } from "./tenants.ts";

const Url = z.string().max(1_024).url();
const Names = z.array(z.string().min(1).max(64)).min(1).max(256).nullable().default(null);

/** Service accounts whose tokens are exchanged for a worker's own. */
export const PoolIssuerEntry = z
  .strictObject({
    issuer: Url,
    audiences: z.array(z.string().min(1).max(512)).min(1).max(16),
    /** Exact `sub` claims, such as `system:serviceaccount:gpu:worker`. */
    subjects: z.array(z.string().min(1).max(256)).min(1).max(64),
    algorithms: z.array(z.enum(TOKEN_ALGORITHMS)).min(1).default(["RS256", "PS256", "ES256", "EdDSA"]),
    /** Kubernetes projects tokens of an hour unless told otherwise. */
    lifetime_s_max: z.number().int().min(1).max(LIMITS.serviceAccountLifetimeSMax).default(3_600),
    jwks_uri: Url.nullable().default(null),
    network: z.enum(["tenant", "operator"]).default("operator"),
    tenants: Names,
    workspaces: Names,
    environments: Names,
  })
  .check((context) => {
    const { issuer, jwks_uri, network } = context.value;
    for (const [member, url] of Object.entries({ issuer, jwks_uri }))
      if (url !== null && network === "tenant" && !url.startsWith("https:"))
        context.issues.push({
          ...{ code: "custom", message: "https only, unless `network: operator`", path: [member], input: null },
        });
  });

export const PoolEntry = z.strictObject({ issuers: z.array(PoolIssuerEntry).max(16).default([]) });
export type PoolEntry = z.infer<typeof PoolEntry>;

/** `pools.yml` */
export const PoolsFile = z.strictObject({ pools: z.record(PoolName, PoolEntry).default({}) });
export type PoolsFile = z.infer<typeof PoolsFile>;
