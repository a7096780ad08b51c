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

const Wait = z.int().min(0).max(LIMITS.poolWaitMsMax);

export const PoolEntry = z
  .strictObject({
    issuers: z.array(PoolIssuerEntry).max(16).default([]),
    /** Something starts workers when jobs wait: without one the pool counts as available after `cold_start_ms`. */
    scale_from_zero: z.boolean().default(false),
    cold_start_ms: Wait.default(LIMITS.poolColdStartMsDefault),
    /** Interactive calls that would wait longer are refused; null: a minute, or the cold start where that is longer. */
    max_wait_ms: Wait.nullable().default(null),
  })
  .check((context) => {
    const { scale_from_zero, cold_start_ms, max_wait_ms } = context.value;
    if (scale_from_zero && max_wait_ms !== null && max_wait_ms < cold_start_ms)
      context.issues.push({
        ...{ code: "custom", message: "shorter than cold_start_ms: no call would ever start the pool" },
        ...{ path: ["max_wait_ms"], input: max_wait_ms },
      });
  });
export type PoolEntry = z.infer<typeof PoolEntry>;

/** `pools.yml` */
export const PoolsFile = z.strictObject({ pools: z.record(PoolName, PoolEntry).default({}) });
export type PoolsFile = z.infer<typeof PoolsFile>;
