import { isJsonObject, type JsonObject } from "../../../shared/contracts/json.ts";
import type { Egress } from "../../../shared/contracts/ports/egress.ts";
import { callInto } from "../world/network.ts";
import { Process, type World } from "../world/world.ts";

export const RECEIVER = "https://receiver.example.com/";

/** One message that reached the receiver, and what it answered. */
export interface Told {
  task: string;
  /** Where whoever told it is. */
  cell: string;
  delivery: string;
  attempt: number;
  status: number;
  event: JsonObject;
  text: string;
  atMs: number;
}

type Answer = Awaited<ReturnType<Egress["tenantPost"]>>;

/** Whoever is told of the ends of tasks: it takes messages late, twice, refuses some, and answers some never. */
export class Receiver {
  readonly told: Told[] = [];
  readonly #world: World;
  readonly #process = new Process("receiver");
  /** Told of each message as it arrives. */
  onTold: (told: Told) => void = () => {};

  constructor(world: World) {
    this.#world = world;
  }

  /** `Egress.tenantPost` of a process of the cell. Rejects as a network does, after `timeoutMs` at the latest. */
  take(url: string, message: Parameters<Egress["tenantPost"]>[1], timeoutMs: number, cell: string): Promise<Answer> {
    const path = { name: "receiver", lost: 0.05, slow: 0.05, failure: (why: string) => new TypeError(why) };
    const asked = callInto(
      this.#world,
      () => this.#process,
      path,
      () => this.#answer(url, message, cell),
    );
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new DOMException("The operation timed out.", "TimeoutError")), timeoutMs);
    });
    return Promise.race([asked, late]);
  }

  async #answer(url: string, { body, headers }: Parameters<Egress["tenantPost"]>[1], cell: string): Promise<Answer> {
    const { random, faults } = this.#world;
    const text = new TextDecoder().decode(body);
    const event: unknown = JSON.parse(text);
    if (!isJsonObject(event)) throw new TypeError("an event is an object");
    const status = faults && random.chance(0.3) ? random.pick([500, 503, 429, 404]) : 204;
    const told: Told = {
      ...{ status, event, text, cell, task: url.slice(RECEIVER.length), atMs: this.#world.now() },
      ...{ delivery: headers["x-bailiwick-delivery"] ?? "", attempt: Number(headers["x-bailiwick-attempt"]) },
    };
    this.told.push(told);
    this.#world.note(`the receiver is told of ${String(event.subject)} and answers ${status}`);
    this.onTold(told);
    // It took it, and is gone before it says so.
    if (faults && random.chance(0.08)) await new Promise<never>(() => {});
    return { status, headers: new Headers(), body: new Uint8Array() };
  }
}
