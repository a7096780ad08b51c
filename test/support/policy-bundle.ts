import { readFileSync } from "node:fs";
import { pack, sign, textIn, unpack } from "../../policies/bundle/archive.fixture.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { CELL_ACTIONS, ROLE_ACTIONS } from "./role-actions.ts";

/** The secret that the configuration of the tests names, and the id under which it signs. */
export const BUNDLE_SECRET = "canary-bundle-secret-of-32-bytes";
export const BUNDLE_KEY = "release-1";
export const BUNDLE_KEYS_YAML = `[{ id: ${BUNDLE_KEY}, algorithm: HS256, secret: "env:TEST_BUNDLE_SECRET" }]`;

/** Everything that anybody may do by role. */
export const ALL_ACTIONS: readonly string[] = [...new Set([...CELL_ACTIONS, ...Object.values(ROLE_ACTIONS).flat()])];

/** Compiled by the real `opa` from `policies/bundle/fixtures/source`: allows what its data lists, denies the rest. */
const COMPILED = new URL("../../policies/bundle/fixtures/tenant-ES256.tar.gz", import.meta.url);

export interface PolicyBundle {
  /** Null: the cell's. */
  tenant: string | null;
  revision: number;
  actions?: readonly string[];
  secret?: string;
  /** Signs in place of the secret. */
  signer?: { alg: string; key: CryptoKey };
  /** Who claims to sign. */
  key?: string;
  claims?: Record<string, unknown>;
}

/** A bundle that allows the listed actions alone, signed as `opa sign` signs. The same arguments make the same bytes. */
export async function policyBundle(of: PolicyBundle): Promise<Uint8Array> {
  const { tenant, revision, actions = ALL_ACTIONS, secret = BUNDLE_SECRET, key = BUNDLE_KEY } = of;
  const compiled = await unpack(readFileSync(COMPILED));
  const files = new Map<string, string | Uint8Array>([
    ["data.json", JSON.stringify({ limits: { actions } })],
    ["plan.json", textIn(compiled, "plan.json")],
    [".manifest", JSON.stringify({ revision: String(revision), roots: ["bailiwick", "limits"] })],
  ]);
  const whose = tenant === null ? { layer: "cell" } : { layer: "tenant", tenant };
  const claims = { keyid: key, ...whose, revision, contract: "1.0.0", ...of.claims };
  await sign(files, claims, { ...(of.signer ?? { alg: "HS256", key: utf8(secret) }), kid: key });
  return pack(files);
}
