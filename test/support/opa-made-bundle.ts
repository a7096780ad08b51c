import { readFileSync } from "node:fs";
import { type BundleTrust, openBundle } from "../../policies/bundle/open-bundle.ts";
import { TenantId } from "../../shared/contracts/ids.ts";

const FILE = readFileSync(new URL("../../policies/bundle/fixtures/tenant-RS256.tar.gz", import.meta.url));
const KEY = readFileSync(new URL("../../policies/bundle/fixtures/test-key-RS256.pub.pem", import.meta.url)).toString();
/** The tenant's bundle as opa made and signed it. */
export const opaMade = () => new Uint8Array(FILE);
export const trust = (more: Partial<BundleTrust> = {}): BundleTrust => ({
  keys: [{ id: "test-RS256", algorithm: "RS256", key: KEY }],
  layer: "tenant",
  tenant: TenantId.parse("t1"),
  ...more,
});
/** Why an archive does not open, or `opened`. */
export const refusal = async (archive: Uint8Array, more: Partial<BundleTrust> = {}) => {
  const opened = await openBundle(archive, trust(more));
  return opened.ok ? "opened" : opened.error;
};
