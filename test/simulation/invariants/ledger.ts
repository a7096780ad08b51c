import type { NodeSql } from "../../../durable/runtime/node-sql.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { isJsonObject } from "../../../shared/contracts/json.ts";
import { encodeHex } from "../../../shared/crypto/hex.ts";
import { parseCheckpoint } from "../../../shared/crypto/log/checkpoint.ts";
import { openNote } from "../../../shared/crypto/log/note.ts";
import { leafHash, rootOfLeaves } from "../../../shared/crypto/log/tree.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Facts } from "../facts.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import type { TenantName } from "../parts/config.ts";

/** One entry as the object keeps it. */
export interface Entry {
  seq: number;
  kind: string;
  action: string;
  outcome: string;
  task: string | null;
  detail: JsonObject;
  leaf: Uint8Array;
  text: string;
}

const NOTHING = "0".repeat(64);

/** Reads a tenant's whole ledger and recomputes its chain: gapless, each entry names the one before. */
export function readLedger(tenant: string, sql: NodeSql, complain: (detail: string) => void): Entry[] {
  let prev = NOTHING;
  const rows = sql.all<{ seq: number; hash: string; body: string }>("SELECT seq, hash, body FROM ledger ORDER BY seq");
  return rows.map(({ seq, hash, body }, at) => {
    const parsed: unknown = JSON.parse(body);
    if (!isJsonObject(parsed)) throw new TypeError("an entry is an object");
    const leaf = leafHash(utf8(body));
    if (seq !== at) complain(`${tenant}: entry ${at} is missing`);
    if (parsed.prev !== prev) complain(`${tenant}: entry ${seq} does not follow the one before`);
    if (parsed.tenant !== undefined && parsed.tenant !== tenant)
      complain(`${tenant}: entry ${seq} is of ${String(parsed.tenant)}`);
    prev = encodeHex(leaf);
    if (hash !== prev) complain(`${tenant}: the hash of entry ${seq} is not its own`);
    const { detail, task, kind, action, outcome } = parsed;
    return {
      ...{
        seq,
        leaf,
        text: body,
        kind: String(kind),
        action: String(action),
        outcome: String(outcome),
        task: typeof task === "string" ? task : null,
      },
      detail: isJsonObject(detail) ? detail : {},
    };
  });
}

/** Every head that somebody saw is still in the chain. */
export function checkHeads(
  facts: Facts,
  tenant: TenantName,
  entries: readonly Entry[],
  complain: (detail: string) => void,
): void {
  for (const { size, head, tenant: of } of facts.heads) {
    if (of !== tenant || size === 0) continue;
    const entry = entries[size - 1];
    if (entry === undefined || encodeHex(entry.leaf) !== head)
      complain(`${tenant}: the head at size ${size} that was shown is not in the ledger any more`);
  }
}

/** Every change that began has ended in the ledger, or will be closed by its object. */
export function checkChanges(
  tenant: TenantName,
  sql: NodeSql,
  entries: readonly Entry[],
  complain: (detail: string) => void,
): void {
  const ended = new Set(entries.map(({ detail }) => detail.opened));
  for (const { seq, kind, outcome } of entries)
    if (kind === "data.changed" && outcome === "pending" && !ended.has(seq))
      if (sql.get("SELECT 1 AS found FROM begun WHERE seq = ?", seq) === undefined)
        complain(`${tenant}: nobody says how the change of entry ${seq} ended`);
}

/** Every published checkpoint is signed and is the root of what the ledger holds up to its size. */
export async function checkCheckpoints(
  cell: SimulatedCell,
  publicKeys: readonly Uint8Array[],
  tenant: TenantName,
  entries: readonly Entry[],
  complain: (detail: string) => void,
): Promise<number> {
  const origin = `log.example.com/${tenant}`;
  const leaves = entries.map(({ leaf }) => leaf);
  let newest = 0;
  for (const [key, versions] of cell.archive.objects) {
    if (!key.startsWith(`ledger/${tenant}/checkpoint`) || key.endsWith(".json") || key.endsWith(".dsse")) continue;
    for (const { bytes } of versions) {
      const opened = openNote(
        bytes,
        publicKeys.map((publicKey) => ({ name: origin, publicKey })),
      );
      if (!opened.ok) {
        complain(`${key}: ${opened.error.reason}`);
        continue;
      }
      const checkpoint = parseCheckpoint(opened.value.text);
      if (checkpoint === null) {
        complain(`${key}: no checkpoint`);
        continue;
      }
      newest = Math.max(newest, checkpoint.size);
      const root = rootOfLeaves(leaves.slice(0, checkpoint.size));
      if (checkpoint.size > leaves.length || encodeHex(root) !== encodeHex(checkpoint.root))
        complain(`${key}: its root is not that of the ledger at ${checkpoint.size}`);
    }
  }
  return newest;
}
