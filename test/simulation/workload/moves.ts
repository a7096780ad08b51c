import type { Acknowledged, Credential } from "../facts.ts";
import type { TenantName } from "../parts/config.ts";
import { ELSEWHERE } from "../parts/moves.ts";
import type { Caller } from "./caller.ts";

/** 32 bytes in base64url. */
const TRANSFER_KEY = "A".repeat(43);
const TRIES = { least: 6, more: 16 } as const;
/** What begins each part's header in the archive, and the statement that ends it. */
const PART = /\bparts\/\d{6}/g;
const MANIFEST = "manifest.dsse.json";

/**
 * An operator begins to move a tenant, exports as much of it as can be had in a while, and calls the move off: nothing of
 * the tenant is admitted in between, nothing runs once it is frozen, and all of it goes on afterwards.
 */
export async function mover(caller: Caller, operator: Credential, tenant: TenantName): Promise<void> {
  const { world } = caller.cell;
  const { random } = world;
  const path = `/v1/tenants/${tenant}`;
  await caller.pause(5_000, 40_000);
  const left = await caller.settled(operator, "POST", `${path}/leave`, { to: ELSEWHERE });
  world.note(`${tenant} leaves: ${left?.answer.status} ${left?.answer.text.slice(0, 120)}`);
  const fact: Acknowledged = { kind: "frozen", tenant, kid: null, fromMs: 0, untilMs: Number.POSITIVE_INFINITY };
  let parts = 0;
  let whole = false;
  for (let tries = TRIES.least + random.below(TRIES.more); tries > 0 && !whole && left !== null; tries--) {
    const body = { transfer_key: TRANSFER_KEY, from: parts };
    const made = await caller.send(operator, "POST", `${path}/export`, body);
    if (made?.status === 200) {
      if (fact.fromMs === 0) {
        fact.fromMs = world.now();
        caller.facts.acknowledged.push(fact);
      }
      // Names stand once each, at the heads of what arrived.
      if (!made.broken) parts += new Set(made.text.match(PART)).size;
      whole = made.text.includes(MANIFEST);
      world.note(`${tenant} is frozen: ${parts} parts${whole ? ", all" : ""}`);
    } else world.note(`${tenant} is not frozen: ${made?.status} ${/"reason":"\w+"/.exec(made?.text ?? "")?.[0]}`);
    await caller.pause(1_000, 15_000);
  }
  if (whole) await caller.pause(1_000, 15_000);
  // From the first try on it may be live again.
  fact.untilMs = world.now();
  for (;;) {
    const off = await caller.send(operator, "DELETE", `${path}/move`);
    const over =
      off !== null && !off.broken && (off.status === 200 || off.text.includes("not_moving") || off.status === 404);
    if (over) break;
    await caller.pause(200, 3_000);
  }
  world.note(`${tenant} stays`);
}
