import type { MovingParts } from "../../../functions/cells/moving/parts.ts";
import { type DirectoryView, directoryView } from "../../../functions/pipeline/locate/directory-view.ts";
import { CellDirectory } from "../../../shared/contracts/cell-directory.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { tenantDigest } from "../../../shared/crypto/tenant-digest.ts";
import type { World } from "../world/world.ts";
import { CELL, type CellPlace, OTHER, type TenantName } from "./config.ts";

/** Bounds of an archive that make several parts, and several answers, of the little that a simulated tenant has. */
const SMALL: Partial<Record<keyof typeof LIMITS, number>> = {
  ...{ movedPartBytesMax: 60_000, movedPartStepsMax: 24, movedRequestStepsMax: 60, movedNamesMax: 3 },
};
Object.assign(LIMITS, SMALL);

/** How late a process takes up a directory that was signed: as long as it waits between two looks. */
const LOOK_MS = 30_000;

const cellOf = ({ id, jurisdiction }: CellPlace) => ({
  ...{ id, jurisdiction, base_url: `https://${id}.example.com`, hosts: [], forwarding_keys: [] },
});

/** Where tenants live, as the deployment's operators sign it; each process learns of a new version some time later. */
export class Directory {
  readonly #world: World;
  readonly #versions: { view: DirectoryView; atMs: number }[] = [];
  readonly #homes = new Map<TenantName, string>();

  constructor(world: World) {
    this.#world = world;
    this.#sign();
  }

  /** Whose home a version names from now on: keys of every other cell lead there. */
  name(tenant: TenantName, cell: string): void {
    this.#homes.set(tenant, cell);
    this.#sign();
    this.#world.note(`directory ${this.#versions.length} names ${cell} as the home of ${tenant}`);
  }

  /** What a process that starts now has in force, from now on. */
  reader(): () => DirectoryView {
    const startedMs = this.#world.now();
    const lateMs = this.#world.random.between(0, LOOK_MS);
    return () => {
      const now = this.#world.now();
      const known = this.#versions.findLast(({ atMs }) => atMs <= startedMs || atMs + lateMs <= now);
      if (known === undefined) throw new Error("a directory stands from the beginning on");
      return known.view;
    };
  }

  #sign(): void {
    const version = this.#versions.length + 1;
    const salt = String(version).padStart(43, "s");
    const cells = [CELL, OTHER];
    const moved = [...this.#homes].flatMap(([tenant, home]) =>
      cells.flatMap(({ id }) => (id === home ? [] : [{ tenant: tenantDigest(salt, id, tenant), cell: home }])),
    );
    const times = { issued: "2026-01-01T00:00:00Z", expires: "2026-01-08T00:00:00Z" };
    const document = { schema_version: 1, version, ...times, salt, moved, cells: cells.map(cellOf) };
    const view = directoryView(CellDirectory.parse({ ...document, issuers: [], transit: [] }));
    this.#versions.push({ view, atMs: this.#world.now() });
  }
}

/** What a cell without a control database keeps of scopes: nothing. */
export const NO_SCOPES: MovingParts["scopes"] = {
  read: async () => ({ scopes: { workspaces: [], projects: [], environments: [] }, pending: 0 }),
  restore: async () => true,
};
