import { EgressRefused } from "../../../shared/contracts/ports/egress.ts";
import { addressFamily, isLoopbackAddress, isPublicAddress } from "./address.ts";

/** What a tenant-named URL may be; tests narrow it to loopback servers of their own. */
export interface TargetRules {
  protocols: readonly string[];
  permits(address: string): boolean;
}

export const PUBLIC_ONLY: TargetRules = { protocols: ["https:"], permits: isPublicAddress };

/** Of a cell for development: tenants name servers of this machine, and nothing else. */
export const LOOPBACK_ONLY: TargetRules = { protocols: ["http:", "https:"], permits: isLoopbackAddress };

/** A host name without the brackets of IPv6. */
export const bareHost = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, "$1");

/**
 * The URL that will be asked, or `EgressRefused`. The URL standard has already turned decimal, octal, hexadecimal and
 * shortened IPv4 spellings into dotted form, so a literal is judged as the address it is.
 */
export function checkedTarget(url: string, base: URL | null, rules: TargetRules): URL {
  let target: URL;
  try {
    target = new URL(url, base ?? undefined);
  } catch (cause) {
    throw new EgressRefused("not a URL", { cause });
  }
  if (!rules.protocols.includes(target.protocol)) throw new EgressRefused(`scheme ${target.protocol} is not allowed`);
  if (target.username !== "" || target.password !== "") throw new EgressRefused("credentials in the URL");
  const host = bareHost(target.hostname);
  if (addressFamily(host) !== 0 ? !rules.permits(host) : isLocalName(host))
    throw new EgressRefused("the address is not public");
  return target;
}

/** See `Egress.tenantMayName`. */
export function mayName(url: string, rules: TargetRules): boolean {
  try {
    checkedTarget(url, null, rules);
    return true;
  } catch (thrown) {
    if (thrown instanceof EgressRefused) return false;
    throw thrown;
  }
}

/** Names that never leave the machine or the local link (RFC 6761, RFC 6762, RFC 8375, and ICANN's `.internal`). */
const isLocalName = (host: string): boolean =>
  host === "" || /(?:^|\.)(?:localhost|local|internal|home\.arpa|invalid)\.?$/i.test(host);
