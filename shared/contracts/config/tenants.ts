import { z } from "zod";
import { Role } from "../actor.ts";
import { PrivacyMode } from "../decision.ts";
import { EnvironmentId, ProjectId, TenantId, WorkspaceId } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { UsdAmount } from "../money.ts";
import { Marking } from "../policy/labels.ts";
import { BundleKeys, BundlePull } from "./bundles.ts";
import { AliasName, CandidateRef, IntentName, ProviderName, SecretReference } from "./fields.ts";
import { labelMembers } from "./labels.ts";
import { Restrictions } from "./policy-rules.ts";
import { RatesEntry } from "./rates.ts";
import { STRATEGIES } from "./snapshot.ts";

/** A day: what a signed issuer configuration may raise a token's life to. */
const LIFETIME_S_MAX = 86_400;
/** Asymmetric only: a shared secret would let the cell mint its callers' tokens. */
export const TOKEN_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

const ClaimPath = z.string().regex(/^[^\s.][^\s]{0,255}$/, "a claim path such as realm_access.roles");
const Url = z.string().max(1_024).url();

export const IssuerEntry = z
  .strictObject({
    issuer: Url,
    audiences: z.array(z.string().min(1).max(512)).min(1).max(16),
    claims: z
      .strictObject({
        workspace: ClaimPath.nullable().default(null),
        roles: ClaimPath.nullable().default(null),
        scopes: ClaimPath.nullable().default("scope"),
      })
      .prefault({}),
    defaults: z
      .strictObject({
        workspace: WorkspaceId.default("default" as z.infer<typeof WorkspaceId>), // safe because: it matches the pattern
        project: ProjectId.default("default" as z.infer<typeof ProjectId>), // safe because: it matches the pattern
        environment: EnvironmentId.default("default" as z.infer<typeof EnvironmentId>), // safe because: it matches the pattern
        roles: z.array(Role).max(LIMITS.rolesMax).default([]),
      })
      .prefault({}),
    /** Values of the roles claim → roles here; a value without a row gives nothing. */
    role_map: z.record(z.string().min(1).max(256), Role).default({}),
    lifetime_s_max: z.number().int().min(1).max(LIFETIME_S_MAX).default(LIMITS.jwtLifetimeSMax),
    algorithms: z
      .array(z.enum(TOKEN_ALGORITHMS))
      .min(1)
      .max(TOKEN_ALGORITHMS.length)
      .default(["RS256", "PS256", "ES256", "EdDSA"]),
    kind: z.enum(["user", "workload"]).default("user"),
    jwks_uri: Url.nullable().default(null),
    network: z.enum(["tenant", "operator"]).default("tenant"),
  })
  .check((context) => {
    const { issuer, jwks_uri, network } = context.value;
    for (const [member, url] of [
      ["issuer", issuer],
      ["jwks_uri", jwks_uri],
    ] as const)
      if (url !== null && network === "tenant" && !url.startsWith("https:"))
        context.issues.push({
          code: "custom",
          message: "https only, unless `network: operator`",
          path: [member],
          input: null,
        });
  });

export const TenantAlias = z.strictObject({
  candidates: z.array(CandidateRef).min(1).max(LIMITS.candidatesMax),
  strategy: z.enum(STRATEGIES).default("ordered"),
  intent: IntentName.optional(),
  owned_by: z.string().min(1).max(64).optional(),
});

export const BudgetEntry = z.strictObject({
  workspace: WorkspaceId.nullable().default(null),
  project: ProjectId.nullable().default(null),
  environment: EnvironmentId.nullable().default(null),
  period: z.enum(["day", "month", "total"]),
  limit_usd: UsdAmount,
  hard: z.boolean().default(true),
});

const DAY_MS = 86_400_000;
const RetentionDays = z
  .number()
  .int()
  .min(1)
  .max(LIMITS.sessionMsMax / DAY_MS)
  .default(LIMITS.sessionMsDefault / DAY_MS);

export const TenantEntry = z.strictObject({
  name: z.string().min(1).max(128).optional(),
  privacy: PrivacyMode.default("allow-api"),
  content: z.enum(["none", "store"]).default("none"),
  transit: z.enum(["refused", "allowed"]).default("refused"),
  aliases: z.record(AliasName, TenantAlias).default({}),
  issuers: z.array(IssuerEntry).max(16).default([]),
  rates: RatesEntry.prefault({}),
  /** An empty list allows none; null or absent, what the cell allows. */
  providers_allow: z.array(ProviderName).max(LIMITS.providersMax).nullable().default(null),
  /** Set when the tenant is provisioned, not on later changes of this file. */
  budgets: z.array(BudgetEntry).max(LIMITS.budgetsPerTenantMax).default([]),
  /** Keys that may sign the tenant's policy bundles; without one, none can be put in force. */
  bundle_keys: BundleKeys.default([]),
  bundle_pull: BundlePull.optional(),
  ...labelMembers,
  /** Markings that the tenant is cleared for; null or absent: any. */
  markings_allow: z.array(Marking).max(LIMITS.ruleNamesMax).nullable().default(null),
  /** Beside those of the cell. */
  restrictions: Restrictions.default([]),
  /** How long a request waits for its approver, and who is told that it does. */
  approvals: z
    .strictObject({
      life_s: z
        .number()
        .int()
        .min(60)
        .max(LIMITS.approvalMsMax / 1000)
        .default(LIMITS.approvalMsDefault / 1000),
      webhook: z
        .strictObject({ url: Url.refine((url) => url.startsWith("https:"), "https only"), secret: SecretReference })
        .nullable()
        .default(null),
    })
    .prefault({}),
  /** Days that kept content lives: conversations from their last response, stored responses from when they were made. */
  retention: z.strictObject({ conversations_days: RetentionDays, responses_days: RetentionDays }).prefault({}),
  workspaces: z.record(WorkspaceId, z.strictObject({ projects: z.array(ProjectId).max(100).default([]) })).default({}),
});
export type TenantEntry = z.infer<typeof TenantEntry>;

/** `tenants.yml` */
export const TenantsFile = z.strictObject({ tenants: z.record(TenantId, TenantEntry).default({}) });
export type TenantsFile = z.infer<typeof TenantsFile>;
