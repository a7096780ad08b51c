import { readFileSync } from "node:fs";
import { pack, sign } from "../../policies/bundle/archive.fixture.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";

/** A secret that the cell's configuration may name, and what else might be signed with. */
export const BUNDLE_SECRET = "a test secret of thirty-two bytes";
export const OTHER_SECRET = "another test secret, of as many bytes";

/** A plan that answers as the operation asks: `probe.document`, `probe.conflict` and so on. */
export const PROBE_PLAN: { static: object; plans: object; funcs: object } = JSON.parse(
  readFileSync(new URL("../../functions/adapters/policy/fixtures/probe.plan.json", import.meta.url), "utf8"),
);

export interface BundleSpec {
  /** Null: the cell's. */
  tenant: string | null;
  revision: number;
  /** What its data says of itself. */
  name?: string;
  secret?: string;
  plan?: unknown;
  claims?: Record<string, unknown>;
  /** Leaves the signature file out. */
  unsigned?: boolean;
}

/** A bundle around the probe, signed as `opa sign` signs. */
export async function probeBundle(spec: BundleSpec): Promise<Uint8Array> {
  const { tenant, revision, name = "bundle", secret = BUNDLE_SECRET, plan = PROBE_PLAN } = spec;
  const files = new Map<string, string | Uint8Array>([
    ["data.json", JSON.stringify({ probe: { name } })],
    ["plan.json", JSON.stringify(plan)],
    [".manifest", JSON.stringify({ revision: String(revision), roots: ["bailiwick", "probe"] })],
  ]);
  const whose = tenant === null ? { layer: "cell" } : { layer: "tenant", tenant };
  const claims = { keyid: "k", ...whose, revision, contract: "1.0.0", ...spec.claims };
  if (!spec.unsigned) await sign(files, claims, { alg: "HS256", key: utf8(secret), kid: "k" });
  return pack(files);
}
