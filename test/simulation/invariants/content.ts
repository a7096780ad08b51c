import { isProvisioned } from "../../../durable/runtime/migrate.ts";
import { NodeSql } from "../../../durable/runtime/node-sql.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import type { Facts, KeptResponse } from "../facts.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import type { TenantName } from "../parts/config.ts";
import type { Generation } from "../parts/engines.ts";
import type { World } from "../world/world.ts";
import type { Complain } from "./judge.ts";
import type { Entry } from "./ledger.ts";

const ERASED = "what was erased is nobody's any more";

/**
 * Somebody looked at a response: it is there until somebody has it destroyed, and gone from the acknowledgement on. One that
 * failed tells nothing (`tells`): nothing of it was kept.
 */
export function checkLook(
  world: World,
  facts: Facts,
  kept: KeptResponse,
  { status, tells, sentMs }: { status: number; tells: boolean; sentMs: number },
): void {
  const { id, prompt, tenant, subject } = kept;
  const told = `${id} of ${subject} (${prompt}, ${tenant})`;
  if (status === 200 && tells && facts.isErased(kept, sentMs)) world.violated(ERASED, `${told} is read`);
  if (status === 404 && kept.whole && !facts.mayBeErased(kept, world.now()))
    world.violated("no acknowledged record is lost", `${told} was kept, and is not there`);
}

/** An engine hears of a conversation: nothing that was destroyed before it was asked for. */
export function watchHeard(world: World, facts: Facts, { id, heard }: Generation, askedMs: number): void {
  for (const kept of facts.kept.values())
    if (heard.includes(kept.prompt) && facts.isSilenced(kept, askedMs))
      world.violated("what was erased reaches no engine", `${id} hears ${kept.prompt}, ${kept.id} of ${kept.subject}`);
}

/** Each erasure that somebody was told of is in the ledger, of one object once, and the subject's key is not there any more. */
export function checkErasures(
  cell: SimulatedCell,
  facts: Facts,
  tenant: TenantName,
  entries: readonly Entry[],
  complain: Complain,
): void {
  const erased = entries.filter(({ kind }) => kind === "data.erased");
  const db = cell.disk.databases.get(`tenant/${tenant}`);
  const sql = db === undefined ? null : new NodeSql(db);
  for (const fact of facts.erasures) {
    const { scope, object, sentMs, toldMs } = fact;
    if (fact.tenant !== tenant || toldMs === Number.POSITIVE_INFINITY) continue;
    const about = erased.filter(({ detail }) => detail.scope === scope && detail.object === sha256Hex(object)).length;
    // A response that was not stored yet, or went with its conversation, leaves nothing behind.
    const kept = facts.kept.get(object);
    const there = kept?.whole === true && kept.toldMs <= sentMs;
    const before = kept !== undefined && facts.erasuresOf(kept).some((one) => one !== fact && one.sentMs <= toldMs);
    const recorded = scope !== "response" || (there && !before);
    if (recorded && about === 0) complain("an erasure is recorded", `${tenant}: ${scope} ${object}`);
    if (scope !== "subject" && about > 1)
      complain("an erasure is recorded once", `${tenant}: ${scope} ${object} ${about} times`);
    if (scope !== "subject") continue;
    const row = sql?.get<{ created_ms: number }>(
      "SELECT created_ms FROM subject_key WHERE subject = ?",
      sha256Hex(object),
    );
    if (row !== undefined && row.created_ms < Math.floor(sentMs))
      complain(ERASED, `${tenant}: the key of ${object} is from before its erasure`);
  }
}

/** Nothing of a destroyed conversation or response lies in any session of a tenant that lives here. */
export function checkSessions(cell: SimulatedCell, tenant: TenantName, facts: Facts, complain: Complain): void {
  const gone = facts.erasures.filter(
    (one) => one.tenant === tenant && one.scope !== "subject" && one.toldMs < Number.POSITIVE_INFINITY,
  );
  for (const [key, db] of cell.disk.databases) {
    if (!key.startsWith(`session/${tenant}:`)) continue;
    const sql = new NodeSql(db);
    if (!isProvisioned(sql)) continue;
    const live = sql.all<{ id: string }>("SELECT id FROM response WHERE gone = 0").map(({ id }) => id);
    const whole = sql.get<{ conversation: number }>("SELECT conversation FROM session");
    for (const { scope, object } of gone) {
      if (scope === "response" && live.includes(object)) complain(ERASED, `${key} holds ${object}`);
      if (scope === "conversation" && whole?.conversation === 1 && key.endsWith(object.slice("conv_".length)))
        complain(ERASED, `${key} holds ${object}`);
    }
  }
}
