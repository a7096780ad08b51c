import type { Acknowledged } from "../facts.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import type { TenantName } from "../parts/config.ts";
import type { Directory } from "../parts/moves.ts";
import { KEYS_FILE } from "../parts/signer.ts";
import type { Caller } from "./caller.ts";
import { type Archive, MoveSteps, manifestDigest, receiptOf } from "./move-steps.ts";
import type { People } from "./others.ts";
import { resident } from "./residents.ts";

const EXPORT_TRIES = { few: 6, many: 60 } as const;
/** What cannot be asked for yet is asked for so often at most. */
const EARLY_TRIES_MAX = 2;
const NOT_YET = "a step before its time is refused";

/**
 * An operator moves a tenant to the other cell, goes on wherever that was cut off, or calls it off at any point at which
 * that is allowed, and at times begins anew or moves it back: nothing of the tenant is admitted in between, and all of it
 * goes on afterwards, in one cell.
 */
export async function mover(caller: Caller, people: People, tenant: TenantName, directory: Directory): Promise<void> {
  const [home, other] = caller.cells;
  if (home === undefined || other === undefined) throw new Error("a move takes two cells");
  const { random } = home.world;
  const away = new Map<SimulatedCell, Acknowledged>();
  const there = new MoveSteps(caller, people.operators, tenant, [home, other], away);
  there.isAway(other, 0);
  await caller.pause(5_000, 40_000);
  for (const cell of caller.cells) cell.moving = tenant;
  const journey = new Journey(caller, directory);
  const gives = random.chance(0.4);
  const old = gives ? await journey.off(there) : null;
  if (!gives || random.chance(0.5)) {
    const arrived = await journey.on(there, old);
    if (arrived) await resident(caller, people, tenant);
    if (arrived && random.chance(0.3)) {
      const back = there.back();
      if (random.chance(0.4)) await journey.off(back);
      else if (await journey.on(back, null)) await resident(caller, people, tenant);
    }
  }
  for (const cell of caller.cells) cell.moving = null;
}

/** The ways that a move takes. */
class Journey {
  readonly #caller: Caller;
  readonly #directory: Directory;

  constructor(caller: Caller, directory: Directory) {
    [this.#caller, this.#directory] = [caller, directory];
  }

  get #world() {
    return this.#caller.cell.world;
  }
  #chance(share: number): boolean {
    return this.#world.random.chance(share);
  }

  /** The operator does something else for a while, at times for long. */
  #rests(): Promise<void> {
    return this.#chance(0.15) ? this.#caller.pause(20_000, 90_000) : this.#caller.pause(50, 5_000);
  }

  /** Goes as far as it happens to go, and is called off; answers an archive that was made on the way. */
  async off(move: MoveSteps): Promise<Archive | null> {
    const until = this.#world.random.below(6);
    await move.leave();
    await this.#rests();
    const archive = until === 0 ? null : await move.export(until === 1 ? EXPORT_TRIES.few : EXPORT_TRIES.many);
    await this.#rests();
    let named = false;
    if (archive !== null && until >= 3) {
      // In the middle of it, or whole.
      const few = until === 3 ? 1 + this.#world.random.below(4) : undefined;
      await move.import(archive, few);
      await this.#rests();
      if (until === 5) {
        this.#directory.name(move.tenant, move.to.place.id);
        named = true;
        await this.#rests();
        if (this.#chance(0.5)) {
          // Whoever has that version refuses; to whoever has not, the tenant stays.
          move.mayRun(move.from);
          await this.#early(move, ["DELETE", "move"], null, () => true);
        }
      }
    }
    if (named) this.#directory.name(move.tenant, move.from.place.id);
    await this.#callOff(move);
    return archive;
  }

  async #callOff(move: MoveSteps): Promise<void> {
    const ends = this.#chance(0.5) ? [move.from, move.to] : [move.to, move.from];
    for (const cell of ends) {
      await move.callOff(cell);
      await this.#rests();
    }
    this.#world.note(`${move.tenant} stays`);
  }

  /** To its end; false: it could not be copied for too long, and was called off. */
  async on(move: MoveSteps, old: Archive | null): Promise<boolean> {
    const { to, tenant } = move;
    await move.leave();
    await this.#rests();
    let archive = await move.export(EXPORT_TRIES.many);
    if (archive === null) {
      await this.#callOff(move);
      return false;
    }
    await this.#rests();
    // By mistake: an archive of a move that was called off.
    if (old !== null && this.#chance(0.5)) await move.import(old);
    const early = this.#chance(0.2);
    if (!early) await this.#arrives(move, archive);
    if (this.#chance(0.3)) await this.#early(move, ["POST", "release"], archive, () => false);
    this.#directory.name(tenant, to.place.id);
    await this.#rests();
    let receipt = await move.release(archive);
    while (receipt === null) {
      if (this.#world.violations.length > 0) return false;
      archive = (await move.export(EXPORT_TRIES.many)) ?? archive;
      if (!early) await this.#arrives(move, archive);
      receipt = await move.release(archive);
    }
    await this.#rests();
    let hasty = false;
    if (early) {
      if (this.#chance(0.5)) await this.#tooEarly(move, receipt);
      // The operator who does not wait for the one is refused the other until all of it is written.
      // Not where the parts of another archive may lie: those would have to go first.
      hasty = old === null && this.#chance(0.5);
      if (hasty) await Promise.all([move.import(archive), move.activate(receipt, true)]);
      else await this.#arrives(move, archive);
    }
    if (!hasty && this.#chance(0.15)) {
      // The new home may begin anew, the old one cannot take it back.
      await move.callOff(to);
      if (this.#chance(0.5)) await this.#tooEarly(move, receipt);
      await this.#arrives(move, archive);
    }
    if (this.#chance(0.2)) await this.#early(move, ["DELETE", "move"], null, () => false);
    await move.activate(receipt);
    this.#world.note(`${tenant} lives in ${to.place.id}`);
    while (this.#chance(0.4)) await this.#again(move, archive, receipt);
    return true;
  }

  /** Until the archive is whole at the new home; what is there of another one goes first. */
  async #arrives(move: MoveSteps, archive: Archive): Promise<void> {
    while ((await move.import(archive)) === "exists") await move.callOff(move.to);
    await this.#rests();
    if (!this.#chance(0.1)) return;
    await move.callOff(move.to);
    await this.#rests();
    await move.import(archive);
  }

  /** What is refused at the old home now; `may`: whether it may be done all the same. */
  async #early(
    move: MoveSteps,
    step: readonly [string, string],
    archive: Archive | null,
    may: () => boolean,
  ): Promise<void> {
    for (let tries = 0; tries < EARLY_TRIES_MAX; tries++) {
      const body = archive && { manifest: manifestDigest(archive) };
      const answer = await move.ask(move.from, step, body);
      if (answer?.status === 200 && !may()) this.#world.violated(NOT_YET, `${step.join(" ")} of ${move.tenant}`);
      await this.#caller.pause();
    }
  }

  async #tooEarly(move: MoveSteps, receipt: string): Promise<void> {
    for (let tries = 0; tries < EARLY_TRIES_MAX; tries++) {
      const answer = await move.ask(move.to, ["POST", "activate"], { receipt, keys: KEYS_FILE });
      if (answer?.status === 200) this.#world.violated(NOT_YET, `${move.tenant} is activated and has not arrived`);
      await this.#caller.pause();
    }
  }

  /** Steps that are done already, once more. */
  async #again(move: MoveSteps, archive: Archive, receipt: string): Promise<void> {
    const { random } = this.#world;
    const what = random.below(4);
    if (what === 0) await move.activate(receipt);
    else if (what === 1) {
      const answer = await move.ask(move.from, ["POST", "release"], { manifest: manifestDigest(archive) });
      if (answer?.status === 200 && !answer.broken && receiptOf(answer) === null)
        this.#world.violated("a receipt can be had again", answer.text.slice(0, 200));
    } else if (what === 2) await move.import(archive, 1);
    else await this.#early(move, ["DELETE", "move"], null, () => false);
  }
}
