import type { Role } from "./actor.ts";
import type { KeyId, UnixMs } from "./ids.ts";

/** An API key as the tenant's object holds it: a digest, never the secret. */
export interface KeyRecord {
  kid: KeyId;
  /** SHA-256 hex of the key's whole text. */
  digest: string;
  name: string;
  workspace: string;
  project: string;
  environment: string;
  subject: string;
  kind: "user" | "service" | "worker";
  roles: Role[];
  granted: string[];
  cell_operator: boolean;
  created_ms: UnixMs;
  expires_ms: UnixMs | null;
  revoked_ms: UnixMs | null;
  /** The key that replaced this one, while the overlap lasts. */
  rotated_to: KeyId | null;
  version: number;
  /** Whose call made it, and with which credential. */
  created_by: string;
  created_with: string;
  /**
   * Subjects who had this key or one that it comes from in their hands: whoever created or rotated it, and whoever made
   * their credential, up to the first. None of them has anything approved by it.
   */
  made_by: string[];
}
/** A key as it is asked for; the store adds when and by whom it was made. */
export type NewKey = Omit<
  KeyRecord,
  "created_ms" | "revoked_ms" | "rotated_to" | "version" | "created_by" | "created_with" | "made_by"
>;
export type KeyView = Omit<KeyRecord, "digest"> & { last_used_ms: UnixMs | null };

/** In order of creation; `next` is the kid that ends the page, null on the last one. */
export interface KeyPage {
  keys: KeyView[];
  next: string | null;
}
