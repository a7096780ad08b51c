import { isProvisioned } from "../../../durable/runtime/migrate.ts";
import { NodeSql } from "../../../durable/runtime/node-sql.ts";
import type { Sql } from "../../../durable/runtime/sql.ts";
import { storedLog } from "../../../functions/cells/moving/check-log.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { parseKeysFile } from "../../../shared/evidence/keys-file.ts";
import { verifyLogFolder } from "../../../shared/evidence/log-folder.ts";
import type { Facts } from "../facts.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import type { TenantName } from "../parts/config.ts";
import { KEYS_FILE } from "../parts/signer.ts";
import type { Caller } from "../workload/caller.ts";
import type { People } from "../workload/others.ts";
import type { World } from "../world/world.ts";
import type { Complain } from "./judge.ts";

const ONE_HOME = "exactly one cell serves a tenant";

const isLive = (sql: Sql): boolean =>
  isProvisioned(sql) &&
  sql.get("SELECT 1 AS found FROM tenant") !== undefined &&
  sql.get("SELECT 1 AS found FROM move") === undefined;

/** Which cells serve a tenant, as each has it on disk: looked at after every durable step of its object. */
export class Homes {
  readonly #world: World;
  readonly #live = new Map<string, SimulatedCell[]>();

  constructor(world: World) {
    this.#world = world;
  }

  watch(cell: SimulatedCell, tenant: string, sql: Sql): void {
    const others = (this.#live.get(tenant) ?? []).filter((one) => one !== cell);
    const live = isLive(sql) ? [...others, cell] : others;
    this.#live.set(tenant, live);
    if (live.length > 1) this.#world.violated(ONE_HOME, `${tenant} is live in ${live.map(({ place }) => place.id)}`);
  }

  /** The one that has it at rest. */
  of(tenant: string): SimulatedCell | null {
    return this.#live.get(tenant)?.[0] ?? null;
  }
}

/** What is left of a tenant where it does not live: nothing, or what nobody can open. */
export function checkRemains(cell: SimulatedCell, tenant: TenantName, home: SimulatedCell, complain: Complain): void {
  const under = (...folders: string[]): string[] =>
    [...cell.archive.objects]
      // What was sent before and came late is sealed, and nobody's.
      .filter(([, versions]) => versions.some(({ atMs }) => atMs < cell.movedMs))
      .map(([key]) => key)
      .filter((key) => folders.some((folder) => key.startsWith(`${folder}/${tenant}`)));
  const staged = under("imports", "imports-called-off");
  if (staged.length > 0) complain("a move leaves no part behind", `${cell.place.id}: ${staged.join(", ")}`);
  if (cell === home) return;
  const db = cell.disk.databases.get(`tenant/${tenant}`);
  const sql = db === undefined ? null : new NodeSql(db);
  if (sql !== null && isProvisioned(sql)) {
    const left = sql.get<{ phase: string; data_key: string }>("SELECT m.phase, t.data_key FROM move m, tenant t");
    if (left?.phase !== "left" || left.data_key !== "")
      complain("what left is given up", `${tenant} in ${cell.place.id}: ${left?.phase}`);
    return;
  }
  const content = under("files", "batches");
  if (content.length > 0)
    complain("a move that is called off leaves nothing behind", `${cell.place.id}: ${content.join(", ")}`);
}

/** Keys work where the tenant lives, and nowhere else; those that were revoked work nowhere. */
export async function checkKeys(
  caller: Caller,
  facts: Facts,
  people: People,
  tenant: TenantName,
  home: SimulatedCell,
  complain: Complain,
): Promise<void> {
  for (const key of [people.admins[tenant], ...people.keys[tenant]]) {
    const revoked = facts.acknowledged.some(({ kind, kid }) => kind === "revoked" && kid === key.kid);
    for (const cell of caller.cells) {
      const answer = await caller.sendTo(cell, key, "GET", "/v1/models");
      const status = answer?.status ?? 0;
      const [right, invariant] =
        cell === home
          ? revoked
            ? [401, "what is revoked stays revoked"]
            : [200, "keys go on working"]
          : [421, ONE_HOME];
      // Whether a revocation that nobody heard of happened is not known.
      const unknown = facts.revoking.has(key.kid) && !revoked && status === 401;
      if (status !== right && !unknown)
        complain(invariant, `${key.subject} in ${cell.place.id}: ${status} ${answer?.text.slice(0, 120)}`);
    }
  }
}

/** The log as one, from its first home on, with nothing but its archive and the keys of both. */
export async function checkOffline(home: SimulatedCell, tenant: TenantName, size: number, complain: Complain) {
  const keys = parseKeysFile(utf8(KEYS_FILE));
  if (!keys.ok) throw new Error(keys.error.detail);
  const log = storedLog(home.archive, `ledger/${tenant}/`);
  const report = await verifyLogFolder(log, { keys: keys.value, checkpoint: null });
  if (!report.verified)
    complain(
      "the ledger verifies offline as one",
      `${tenant}, ${size} entries: ${report.failure?.check} ${report.failure?.detail}`,
    );
}
