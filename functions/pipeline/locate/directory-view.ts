import type { CellDirectory, CellEntry } from "../../../shared/contracts/cell-directory.ts";

type IssuerRow = CellDirectory["issuers"][number];

/** A directory that is in force, as it is asked on every call. Never changed. */
export interface DirectoryView {
  readonly version: number;
  readonly issuedMs: number;
  readonly expiresMs: number;
  readonly salt: string;
  readonly cells: ReadonlyMap<string, CellEntry>;
  readonly byHost: ReadonlyMap<string, CellEntry>;
  /** Digest of a tenant → where it lives now. */
  readonly moved: ReadonlyMap<string, string>;
  readonly transit: ReadonlySet<string>;
  readonly issuers: ReadonlyMap<string, ReadonlyMap<string, IssuerRow>>;
}

/** Indexed once per version. */
export function directoryView(directory: CellDirectory): DirectoryView {
  const issuers = new Map<string, Map<string, IssuerRow>>();
  for (const row of directory.issuers) {
    const audiences = issuers.get(row.iss) ?? new Map<string, IssuerRow>();
    issuers.set(row.iss, audiences.set(row.aud, row));
  }
  return {
    version: directory.version,
    issuedMs: directory.issued,
    expiresMs: directory.expires,
    salt: directory.salt,
    cells: new Map(directory.cells.map((cell) => [cell.id, cell])),
    byHost: new Map(directory.cells.flatMap((cell) => cell.hosts.map((host) => [host, cell] as const))),
    moved: new Map(directory.moved.map(({ tenant, cell }) => [tenant, cell])),
    transit: new Set(directory.transit),
    issuers,
  };
}
