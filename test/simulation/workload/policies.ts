import type { Credential } from "../facts.ts";
import { denies, REVISIONS_MAX, signedBundle } from "../parts/policies.ts";
import type { Caller } from "./caller.ts";
import { isRevision } from "./read.ts";

const TRIES_MAX = 40;

/** Puts a tenant's first policy in force, before anything may fail. */
export async function firstPolicy(caller: Caller, admin: Credential): Promise<void> {
  if (!(await inForce(caller, admin, 1, false))) throw new Error(`no policy of ${admin.tenant}`);
}

/** Denies everything for a while, now and then, and goes back: to the policy before, or on to a newer one. */
export async function policyMaker(caller: Caller, admin: Credential, changes: number): Promise<void> {
  const { world } = caller.cell;
  const { random } = world;
  const { tenant } = admin;
  let before = 1;
  for (let done = 0; done < changes && before + 2 <= REVISIONS_MAX; done++) {
    await caller.pause(2_000, 20_000);
    const denial = before + 1;
    if (!denies(denial)) throw new Error(`revision ${denial} denies nothing`);
    const known = await inForce(caller, admin, denial, false);
    const fact = { kind: "denied" as const, tenant, kid: null, fromMs: world.now(), untilMs: Number.POSITIVE_INFINITY };
    if (known) caller.facts.acknowledged.push(fact);
    await caller.pause(500, 20_000);
    // From the first try on it may be undone.
    fact.untilMs = world.now();
    const back = random.chance(0.5);
    const next = back ? before : denial + 1;
    while (!(await inForce(caller, admin, next, back))) await caller.pause();
    before = next;
  }
}

/** Brings a revision in force, however often that takes; false where it is not known to be. */
async function inForce(caller: Caller, admin: Credential, revision: number, back: boolean): Promise<boolean> {
  const { world } = caller.cell;
  const gzip = { headers: { "content-type": "application/gzip" } };
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const state = await caller.send(admin, "GET", "/v1/policies");
    if (state !== null && !state.broken && state.status === 200 && isRevision(state.text, revision)) {
      world.note(`${admin.tenant}: policy ${revision} is in force`);
      caller.facts.policies.set(admin.tenant, revision);
      return true;
    }
    if (back) await caller.send(admin, "POST", "/v1/policies/rollback", { revision });
    else {
      await caller.send(admin, "PUT", "/v1/policies/bundles", signedBundle(admin.tenant, revision), gzip);
      await caller.send(admin, "POST", `/v1/policies/bundles/${revision}/activate`, {});
    }
    await caller.pause(100, 3_000);
  }
  return false;
}
