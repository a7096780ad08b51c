import { ObjectStoreRefused, ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";

/** What no second try changes; everything else of the operating system may pass (full disk, I/O error, no descriptors). */
const LASTING = new Set(["EACCES", "EPERM", "EROFS", "ELOOP", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "EINVAL", "EXDEV"]);

/** The port's error for one of the operating system; others are handed back as they are. */
export function fileFault(what: string, cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  // Deno's permission errors have a name and no code.
  if (cause.name === "NotCapable") return new ObjectStoreRefused(`${what}: not permitted`, { cause });
  if (!("code" in cause) || typeof cause.code !== "string" || !/^E[A-Z0-9]+$/.test(cause.code)) return cause;
  return LASTING.has(cause.code)
    ? new ObjectStoreRefused(`${what}: ${cause.code}`, { cause })
    : new ObjectStoreUnavailable(`${what}: ${cause.code}`, { cause });
}
