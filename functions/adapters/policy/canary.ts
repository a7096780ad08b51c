import { sha256 } from "../../../shared/crypto/sha256.ts";

/**
 * Whether this actor is among the `percent` of a tenant's actors that a canary takes: the same actor always, and of a
 * larger share whoever was in a smaller one.
 */
export function inCanary(tenant: string, subject: string, percent: number): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = sha256(`${tenant}|${subject}`);
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % 100 < percent;
}
