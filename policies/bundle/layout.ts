import { refuse, shown } from "./refusal.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The files of a bundle by what they are for. */
export interface Layout {
  manifest: Bytes;
  plan: Bytes;
  signatures: Bytes;
  /** `data.json` files by path. */
  data: ReadonlyMap<string, Bytes>;
  /** Paths of the Rego sources, which are kept for readers and never evaluated. */
  sources: string[];
}

export const MANIFEST = ".manifest";
export const SIGNATURES = ".signatures.json";
export const PLAN = "plan.json";

export const isData = (path: string): boolean => path === "data.json" || path.endsWith("/data.json");
/** What OPA hashes by its structure instead of its bytes. */
export const isStructured = (path: string): boolean => path === MANIFEST || isData(path);

/** Sorts files into OPA's bundle layout. Whatever it does not name is refused, not passed over. */
export function layoutOf(files: ReadonlyMap<string, Bytes>): Layout {
  const data = new Map<string, Bytes>();
  const sources: string[] = [];
  for (const [path, bytes] of files) {
    if (isData(path)) data.set(path, bytes);
    else if (path.endsWith(".rego")) sources.push(path);
    else if (path !== MANIFEST && path !== SIGNATURES && path !== PLAN)
      refuse({ reason: "unsupported_file", file: shown(path) });
  }
  const signatures = files.get(SIGNATURES) ?? refuse({ reason: "signature_missing" });
  const manifest = files.get(MANIFEST) ?? refuse({ reason: "file_missing", file: MANIFEST });
  const plan = files.get(PLAN) ?? refuse({ reason: "file_missing", file: PLAN });
  return { manifest, plan, signatures, data, sources: sources.sort() };
}
