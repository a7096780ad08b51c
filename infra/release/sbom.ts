import { z } from "zod";
import { decodeBase64 } from "../../shared/crypto/base64.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";

const Names = z.record(z.string(), z.string());
const Locked = z.object({
  version: z.string().optional(),
  integrity: z.string().optional(),
  license: z.string().optional(),
  dev: z.boolean().optional(),
  optional: z.boolean().optional(),
  dependencies: Names.optional(),
  optionalDependencies: Names.optional(),
  peerDependencies: Names.optional(),
  devDependencies: Names.optional(),
});
const Lock = z.object({ name: z.string(), version: z.string(), packages: z.record(z.string(), Locked) });

const HASHES = { sha512: "SHA-512", sha1: "SHA-1", sha256: "SHA-256", sha384: "SHA-384" } as const;
const SPDX_ID = /^[A-Za-z0-9.+-]+$/;
const packageOf = (path: string): string => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
const purl = (name: string, version: string): string => `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;

/** Where npm would find a dependency of the package at `path`: beside it, then ever further up. */
function found(packages: z.infer<typeof Lock>["packages"], path: string, name: string): string | null {
  for (let at = path; ; ) {
    const here = at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages[here]) return here;
    if (at === "") return null;
    const up = at.lastIndexOf("/node_modules/");
    at = up === -1 ? "" : at.slice(0, up);
  }
}

/**
 * CycloneDX 1.6 of what a lock file pins: each package with version, licence, digest and who needs it. Packages that only
 * build and test are `excluded`; those that a platform may lack are `optional`. Throws for text that is no lock file.
 */
export function sbomOf(lockText: string, built: { serial: string; timestamp: string }): object {
  const { name, version, packages } = Lock.parse(JSON.parse(lockText));
  const refOf = (path: string): string => (path === "" ? "pkg:project" : `${path}@${packages[path]?.version ?? ""}`);
  const entries = Object.entries(packages).filter(([path]) => path !== "");
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${built.serial}`,
    version: 1,
    metadata: {
      timestamp: built.timestamp,
      component: { type: "application", "bom-ref": refOf(""), name, version },
      lifecycles: [{ phase: "build" }],
    },
    components: entries.map(([path, locked]) => {
      const [kind, digest] = locked.integrity?.split(" ")[0]?.split(/-(.*)/s) ?? [];
      const algorithm = HASHES[kind as keyof typeof HASHES]; // safe because: an unknown kind gives undefined
      const bytes = digest === undefined ? null : decodeBase64(digest);
      const component = packageOf(path);
      return {
        type: "library",
        "bom-ref": refOf(path),
        name: component,
        version: locked.version ?? "",
        purl: purl(component, locked.version ?? ""),
        scope: locked.dev ? "excluded" : locked.optional ? "optional" : "required",
        ...(locked.license && {
          licenses: [
            SPDX_ID.test(locked.license) ? { license: { id: locked.license } } : { expression: locked.license },
          ],
        }),
        ...(algorithm && bytes !== null && { hashes: [{ alg: algorithm, content: encodeHex(bytes) }] }),
      };
    }),
    dependencies: Object.entries(packages).map(([path, locked]) => ({
      ref: refOf(path),
      dependsOn: [
        ...new Set(
          Object.keys({
            ...locked.dependencies,
            ...locked.optionalDependencies,
            ...locked.peerDependencies,
            ...(path === "" && locked.devDependencies),
          }).flatMap((needed) => found(packages, path, needed) ?? []),
        ),
      ]
        .map(refOf)
        .sort(),
    })),
  };
}
