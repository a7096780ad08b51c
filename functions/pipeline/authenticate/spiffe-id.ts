const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}((?:\/[A-Za-z0-9._-]+)+)$/;

/** A SPIFFE ID of a workload (SPIFFE-ID §2): a trust domain and a path without empty, `.` or `..` segments. */
export function isSpiffeId(text: string): boolean {
  const path = SPIFFE_ID.exec(text)?.[1];
  return path !== undefined && !path.split("/").some((segment) => segment === "." || segment === "..");
}
