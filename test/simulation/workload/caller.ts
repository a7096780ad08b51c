import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Credential, Facts, Prompt } from "../facts.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import { mark } from "../parts/engines.ts";
import { type Answered, ask } from "../parts/http.ts";
import { Unreachable } from "../world/network.ts";
import { object, saidBy } from "./read.ts";

const RETRIES_MAX = 5;
/** Where answers are slow, what one runner leaves is still wanted when the next one has it. */
const PATIENCE_MS = { usual: { least: 20_000, more: 50_000 }, slow: { least: 60_000, more: 240_000 } } as const;
const PAUSE_MS = { min: 20, max: 4_000 } as const;
/** What is certain about nothing: it is under way, refused for now, or somewhere else. */
const PASSING: ReadonlySet<number> = new Set([409, 421, 429]);
/** Share of the calls of a tenant on its way that ask any cell, and how often one is sent on: both may send it on for a while. */
const ASTRAY = 0.2;
const HOPS_MAX = 2;

type AskedOf = Parameters<Caller["sendTo"]> extends [unknown, unknown, ...infer Rest] ? Rest : never;

/** Whoever calls the cells from outside, and remembers what came of it. */
export class Caller {
  /** Where everybody lives at first. */
  readonly cell: SimulatedCell;
  readonly cells: readonly SimulatedCell[];
  readonly facts: Facts;
  /** Where a tenant lives, as its callers were told last. */
  readonly #homes = new Map<string, SimulatedCell>();

  constructor(cells: readonly [SimulatedCell, ...SimulatedCell[]], facts: Facts) {
    [this.cell] = cells;
    [this.cells, this.facts] = [cells, facts];
  }

  get #random() {
    return this.cell.world.random;
  }

  pause(min: number = PAUSE_MS.min, max: number = PAUSE_MS.max): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#random.between(min, max)));
  }

  /** One try, at the cell that answers for the credential. Null: nothing came back, and nothing is known. */
  async send(credential: Credential, ...asked: AskedOf): Promise<Answered | null> {
    const { tenant } = credential;
    let at = this.#homes.get(tenant) ?? this.cell;
    // Whoever was told nothing of a move asks the old home, and some the new one too early.
    if (this.cells.some(({ moving }) => moving === tenant) && this.#random.chance(ASTRAY))
      at = this.#random.pick(this.cells);
    for (let hops = 0; ; hops++) {
      const answer = await this.sendTo(at, credential, ...asked);
      const home = answer?.status === 421 ? object(answer.text)?.cell : undefined;
      const told = this.cells.find(({ place }) => place.id === home);
      if (told === undefined) return answer;
      this.#homes.set(tenant, told);
      if (told === at || hops === HOPS_MAX) return answer;
      at = told;
    }
  }

  /** One try at one cell. */
  async sendTo(
    cell: SimulatedCell,
    credential: Credential,
    method: string,
    path: string,
    body: JsonObject | Uint8Array | null = null,
    more: { headers?: Record<string, string>; leavesAfter?: number | null; binary?: boolean } = {},
  ): Promise<Answered | null> {
    const { world } = cell;
    const binary = body instanceof Uint8Array;
    try {
      return await ask(world, cell.anyEdge(), {
        ...{ method, path, leavesAfter: more.leavesAfter ?? null, binary: more.binary ?? false },
        headers: {
          authorization: `Bearer ${credential.text}`,
          ...(body === null || binary ? {} : { "content-type": "application/json" }),
          ...more.headers,
        },
        body: body === null ? null : binary ? body : JSON.stringify(body),
      });
    } catch (cause) {
      if (!(cause instanceof Unreachable)) throw cause;
      return null;
    }
  }

  /** Tries again, from anywhere, until something certain comes back: for calls that may be repeated. */
  async settled(...given: Parameters<Caller["send"]>): Promise<{ answer: Answered; body: JsonObject } | null> {
    for (let tries = 0; tries < RETRIES_MAX * 3; tries++) {
      const answer = await this.send(...given);
      const body = answer === null || answer.broken ? null : object(answer.text);
      if (answer && body && !PASSING.has(answer.status) && answer.status < 500) return { answer, body };
      await this.pause(200, 3_000);
    }
    return null;
  }

  /** Asks an engine something, once, and keeps what came back. */
  async prompt(
    credential: Credential,
    prompt: Prompt,
    path: string,
    body: JsonObject,
    leavesAfter: number | null = null,
    patienceMs: number | null = null,
  ) {
    const { world } = this.cell;
    const sentMs = world.now();
    prompt.sentMs.push(sentMs);
    world.note(
      `${prompt.tenant} asks ${prompt.id}: ${prompt.kind} ${prompt.model}${prompt.key === null ? "" : ` key ${prompt.key}`}`,
    );
    const { least, more } = PATIENCE_MS[this.cell.shape.slow ? "slow" : "usual"];
    const headers: Record<string, string> = {
      "x-bailiwick-deadline-ms": String(patienceMs ?? least + this.#random.below(more)),
    };
    if (prompt.key !== null) headers["idempotency-key"] = prompt.key;
    const answer = await this.send(credential, "POST", path, body, { headers, leavesAfter });
    if (answer === null) {
      world.note(`${prompt.id}: nothing came back`);
      return null;
    }
    const { said, complete } = saidBy(answer);
    world.note(
      `${prompt.id}: ${answer.status}${answer.broken ? " broken" : complete ? " complete" : ""} ${answer.status >= 400 ? answer.text.slice(0, 160) : ""}`,
    );
    const task = answer.headers["x-bailiwick-task"];
    if (task !== undefined) prompt.tasks.add(task);
    prompt.answers.push({ answer, sentMs, doneMs: world.now(), said, complete });
    return answer;
  }

  /** The same request under its key, from anywhere and at times twice at once, until its answer is whole. */
  async keyed(credential: Credential, prompt: Prompt, path: string, body: JsonObject): Promise<void> {
    for (let tries = 0; tries < RETRIES_MAX; tries++) {
      const twice = this.#random.chance(0.2);
      const leaves = this.#random.chance(0.2) ? this.#random.below(6) : null;
      const asked = [this.prompt(credential, prompt, path, body, leaves)];
      if (twice) asked.push(this.prompt(credential, prompt, path, body));
      const answers = await Promise.all(asked);
      if (answers.some((answer) => answer && !answer.broken && answer.status < 500 && answer.status !== 409)) {
        if (this.#random.chance(0.5)) return;
      }
      await this.pause(100, 15_000);
    }
  }
}

/** A chat of one prompt that every answer can be told by. */
export const chatBody = (prompt: Prompt, stream: boolean): JsonObject => ({
  ...{ model: prompt.model, stream, max_completion_tokens: 14 },
  messages: [{ role: "user", content: `${mark(prompt.tenant, prompt.id)} say something` }],
});
