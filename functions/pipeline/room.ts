/** Counts what is under way, of everybody and of each owner: one owner never takes the room of all. */
export class Room {
  readonly #max: number;
  readonly #ofOneMax: number;
  readonly #of = new Map<string, number>();
  #all = 0;

  constructor(max: number, ofOneMax: number) {
    this.#max = max;
    this.#ofOneMax = ofOneMax;
  }

  /** The function that leaves again, once; null when there is no room. */
  enter(owner: string): (() => void) | null {
    const own = this.#of.get(owner) ?? 0;
    if (this.#all >= this.#max || own >= this.#ofOneMax) return null;
    this.#all++;
    this.#of.set(owner, own + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#all--;
      const rest = (this.#of.get(owner) ?? 1) - 1;
      if (rest === 0) this.#of.delete(owner);
      else this.#of.set(owner, rest);
    };
  }
}
