import { readFileSync } from "node:fs";

/** What listens here is reached from its own machine alone. */
export const LOOPBACK_HOSTS: readonly string[] = ["127.0.0.1", "::1", "localhost"];

/** Certificate and key of the files that the variables name; null where it serves no TLS. */
export function tlsOf(env: {
  TLS_CERT?: string | undefined;
  TLS_KEY?: string | undefined;
}): { cert: string; key: string } | null {
  if (!env.TLS_CERT || !env.TLS_KEY) return null;
  return { cert: readFileSync(env.TLS_CERT, "utf8"), key: readFileSync(env.TLS_KEY, "utf8") };
}
