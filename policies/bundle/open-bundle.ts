import type { TenantId } from "../../shared/contracts/ids.ts";
import { POLICY_ENTRYPOINT } from "../../shared/contracts/policy/document.ts";
import type { BundleRef } from "../../shared/contracts/policy/freshness.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { loadPlan, type Plan } from "../engine/evaluate.ts";
import type { Value } from "../engine/value.ts";
import { checkFiles } from "./check-files.ts";
import { checkClaims, readClaims } from "./claims.ts";
import { inflate } from "./inflate.ts";
import type { BundleKey } from "./keys.ts";
import { isData, layoutOf, MANIFEST, PLAN } from "./layout.ts";
import { mergeData } from "./merge-data.ts";
import { textOf } from "./parse-file.ts";
import { readTar } from "./read-tar.ts";
import { type BundleRefusal, Refused, refuse } from "./refusal.ts";
import { checkData, checkOwned, readManifest } from "./roots.ts";
import { verifySignature } from "./verify-signature.ts";

export type { BundleKey } from "./keys.ts";
export type { BundleRefusal } from "./refusal.ts";

/** Whose bundle it must be, and who may have signed it. */
export interface BundleTrust {
  keys: readonly BundleKey[];
  layer: "cell" | "tenant";
  /** Of the tenant's layer. */
  tenant: TenantId | null;
  /** Seconds since the epoch. Absent: `exp` and `nbf` are not looked at, as for a bundle that explains past decisions. */
  now_s?: number;
}

/** A bundle that was verified whole; plan and data are shared by evaluations and never changed. */
export interface OpenBundle {
  ref: BundleRef;
  /** SemVer of the contract that it was written for. */
  contract: string;
  /** Id of the key that signed it. */
  signed_by: string;
  /** Seconds since the epoch from which on it does not open any more; null: its signature says nothing of it. */
  expires_s: number | null;
  plan: Plan;
  data: Value;
  /** The parts of `data` that it owns. */
  roots: string[];
  /** Paths of its Rego sources. */
  sources: string[];
}

/**
 * Opens a bundle that `opa build` made and `opa sign` signed. Nothing in it is used unless its signature verifies under a
 * trusted key, covers every file, and is for exactly this layer and tenant; size, count and depth are bounded before.
 */
export async function openBundle(archive: Uint8Array, trust: BundleTrust): Promise<Result<OpenBundle, BundleRefusal>> {
  // A copy, so that nothing changes between check and use.
  const bytes = archive.slice();
  try {
    return ok(await open(bytes, trust));
  } catch (error) {
    if (error instanceof Refused) return err(error.refusal);
    throw error;
  }
}

async function open(archive: Uint8Array, trust: BundleTrust): Promise<OpenBundle> {
  const files = readTar(await inflate(archive));
  const layout = layoutOf(files);
  const signed = await verifySignature(layout.signatures, trust.keys);
  const claims = readClaims(signed.claims);
  const values = checkFiles(files, claims.files);
  checkClaims(claims, trust);
  const manifest = readManifest(values.get(MANIFEST));
  const { revision, contract } = claims;
  if (manifest.revision !== String(revision))
    refuse({ reason: "revision_mismatch", signed: revision, manifest: manifest.revision });
  const data = mergeData(new Map([...values].filter(([path]) => isData(path))));
  checkData(data, manifest.roots);
  return {
    ref: { revision, digest: `sha256:${sha256Hex(archive)}` },
    contract,
    signed_by: signed.key,
    expires_s: claims.exp ?? null,
    plan: openPlan(layout.plan, manifest.roots),
    data,
    roots: manifest.roots,
    sources: layout.sources,
  };
}

function openPlan(bytes: Uint8Array, roots: readonly string[]): Plan {
  const plan = loadPlan(parsePlan(textOf(PLAN, bytes)));
  if (!plan.ok) return refuse({ reason: "plan_refused", refusal: plan.error });
  if (!plan.value.entrypoints.has(POLICY_ENTRYPOINT)) refuse({ reason: "entrypoint_missing" });
  checkOwned(POLICY_ENTRYPOINT, roots);
  for (const path of plan.value.rules) checkOwned(path.join("/"), roots);
  return plan.value;
}

function parsePlan(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return refuse({ reason: "file_malformed", file: PLAN, detail: "not JSON" });
  }
}
