import { z } from "zod";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { POLICY_CONTRACT } from "../../shared/contracts/policy/document.ts";
import { refuse } from "./refusal.ts";

const instant = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** What a signature states: OPA's list of files, and ours. Members that neither names are passed over. */
const Claims = z.looseObject({
  files: z
    .array(
      z.strictObject({ name: z.string().min(1).max(256), hash: z.string().max(128), algorithm: z.string().max(32) }),
    )
    .max(LIMITS.policyBundleFilesMax),
  layer: z.enum(["cell", "tenant"]).optional(),
  tenant: z.string().nullable().optional(),
  revision: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  contract: z.string().regex(/^(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})$/),
  exp: instant.optional(),
  nbf: instant.optional(),
  /** OPA refuses a scope that the loader did not ask for; none is asked for here. */
  scope: z.literal("").optional(),
});
export type Claims = z.infer<typeof Claims>;

export function readClaims(json: unknown): Claims {
  const parsed = Claims.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return refuse({
    reason: "claims_malformed",
    detail: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`,
  });
}

/** For whom a bundle is opened. */
export interface Destination {
  layer: "cell" | "tenant";
  tenant: string | null;
  /** Absent: `exp` and `nbf` are not looked at, as for a bundle whose past decisions are explained. */
  now_s?: number | undefined;
}

/**
 * A bundle is for one layer of one owner. The cell's states `"layer": "cell"` and no tenant, so that no tenant's bundle
 * ever serves as the cell's; a tenant's names that tenant.
 */
export function checkClaims(claims: Claims, { layer, tenant, now_s }: Destination): void {
  if (layer === "cell") {
    if (claims.layer !== "cell") refuse({ reason: "layer_mismatch" });
    if ((claims.tenant ?? null) !== null) refuse({ reason: "tenant_mismatch" });
  } else {
    if (claims.layer === "cell") refuse({ reason: "layer_mismatch" });
    if (tenant === null || claims.tenant !== tenant) refuse({ reason: "tenant_mismatch" });
  }
  if (!isSupported(claims.contract))
    refuse({ reason: "contract_unsupported", contract: claims.contract, supported: POLICY_CONTRACT });
  if (now_s === undefined) return;
  if (claims.nbf !== undefined && claims.nbf > now_s + LIMITS.clockSkewS) refuse({ reason: "not_yet_valid" });
  if (claims.exp !== undefined && claims.exp <= now_s) refuse({ reason: "expired" });
}

/** Same major, and a minor that this engine already has. */
function isSupported(contract: string): boolean {
  const [major, minor] = contract.split(".").map(Number);
  const [ourMajor, ourMinor] = POLICY_CONTRACT.split(".").map(Number);
  return major === ourMajor && (minor ?? 0) <= (ourMinor ?? 0);
}
