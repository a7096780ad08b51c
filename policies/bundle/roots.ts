import { z } from "zod";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { toJson } from "../engine/json.ts";
import { OObject, type Value } from "../engine/value.ts";
import { MANIFEST } from "./layout.ts";
import { refuse, shown } from "./refusal.ts";

/** Owned by the cell's configuration (ADR 0008, 4). */
const RESERVED = "facts";

/** What of `.manifest` is read; OPA's other members are its own. */
const Manifest = z.looseObject({
  revision: z.string().max(64),
  roots: z.array(z.string().max(256)).min(1).max(LIMITS.policyBundleRootsMax),
});
export type Manifest = z.infer<typeof Manifest>;

/** Reads the manifest. Roots must be named: one that owns everything would own the facts too. */
export function readManifest(value: Value | undefined): Manifest {
  const parsed = Manifest.safeParse(value === undefined ? undefined : toJson(value));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const detail = `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`;
    return refuse({ reason: "file_malformed", file: MANIFEST, detail });
  }
  const roots = parsed.data.roots.map((root) => root.replace(/^\/+|\/+$/g, ""));
  for (const root of roots) {
    if (root === "" || isWithin(root, RESERVED)) refuse({ reason: "root_reserved", root: shown(root) });
    if (root.split("/").includes("")) refuse({ reason: "file_malformed", file: MANIFEST, detail: "a root is no path" });
  }
  roots.forEach((root, at) => {
    const other = roots.slice(at + 1).find((later) => isWithin(root, later) || isWithin(later, root));
    if (other !== undefined) refuse({ reason: "roots_overlap", roots: [root, other] });
  });
  return { ...parsed.data, roots };
}

const isWithin = (path: string, root: string): boolean => path === root || path.startsWith(`${root}/`);

/** Refuses a path, `/` between its parts, that no root owns. */
export function checkOwned(path: string, roots: readonly string[]): void {
  if (!roots.some((root) => isWithin(path, root))) refuse({ reason: "outside_roots", path: shown(path) });
}

/** Refuses data that no root owns. Objects on the way to a root own nothing themselves. */
export function checkData(data: OObject, roots: readonly string[], path = ""): void {
  for (const [key, member] of data.entries()) {
    const name = String(key);
    const inside = path === "" ? name : `${path}/${name}`;
    if (roots.some((root) => isWithin(inside, root)) && !name.includes("/")) continue;
    // A name with a slash would read as two parts.
    const leadsToRoot = !name.includes("/") && roots.some((root) => isWithin(root, inside));
    if (!leadsToRoot || !(member instanceof OObject)) refuse({ reason: "outside_roots", path: shown(inside) });
    checkData(member, roots, inside);
  }
}
