import type { BundleAlgorithm } from "../config/bundles.ts";
import type { UnixMs } from "../ids.ts";
import type { JsonObject } from "../json.ts";

/** A key that a tenant's administrators registered for its bundles: public, for one algorithm alone. */
export interface RegisteredKey {
  /** `keyid` of `opa sign`. */
  id: string;
  algorithm: BundleAlgorithm;
  /** PEM, or a JWK without private members. */
  public_key: string | JsonObject;
  created_ms: UnixMs;
  created_by: string;
}
