/** The cell's keys. Key material never leaves the adapter but as the results below. */
export interface Keyring {
  /** HMAC-SHA-256 keys for API key MACs, newest first: keys are minted with the first and verified with any. */
  macKeys(): readonly Uint8Array[];
  /** HMAC-SHA-256 keys of freshness statements, newest first: objects sign with the first, edges verify with any. */
  statementKeys(): readonly Uint8Array[];
  /** Ed25519 seeds of tokens for the cell's own workers, newest first: the first signs, all verify. */
  workloadKeys(): readonly Uint8Array[];
  /** Ed25519 seeds of what the cell signs for receivers of callbacks, newest first: the first signs. */
  callbackKeys(): readonly Uint8Array[];
  /** A fresh 256-bit data key, wrapped under the cell's key for `tenant` (base64url). */
  createDataKey(tenant: string): Promise<string>;
  /** A tenant's data key as it came from another cell, wrapped under this cell's key for `tenant` (base64url). */
  wrapDataKey(tenant: string, key: Uint8Array): Promise<string>;
  /** The data key; cached at most 60 s, which is the stated erasure delay. */
  openDataKey(tenant: string, wrapped: string): Promise<Uint8Array>;
}
