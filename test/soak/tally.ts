/** What became of the calls of one kind. */
export interface Count {
  ok: number;
  /** Refused or cut while a fault was at work or had just ended: expected. */
  in_faults: number;
  /** Refused or cut in peace: each is told. */
  in_peace: number;
}

/** Counts outcomes by kind, and tells apart what failed under a fault from what failed in peace. */
export class Tally {
  readonly counts = new Map<string, Count>();
  /** What must never happen, whatever fails. */
  readonly violations: string[] = [];
  /** The first failures in peace, in words. */
  readonly odd: string[] = [];
  readonly #peacefulSince: () => number;

  /** `peacefulSince`: the moment since which nothing is broken; infinity while something is. */
  constructor(peacefulSince: () => number) {
    this.#peacefulSince = peacefulSince;
  }

  #of(kind: string): Count {
    const count = this.counts.get(kind) ?? { ok: 0, in_faults: 0, in_peace: 0 };
    this.counts.set(kind, count);
    return count;
  }

  /** Carries out one piece of load. A failure counts as one in peace if nothing was broken from its begin to its end. */
  async run(kind: string, work: () => Promise<void>): Promise<void> {
    const began = Date.now();
    try {
      await work();
      this.#of(kind).ok++;
    } catch (cause) {
      const since = this.#peacefulSince();
      if (since > began) this.#of(kind).in_faults++;
      else {
        this.#of(kind).in_peace++;
        const text = cause instanceof Error ? cause.message : String(cause);
        if (this.odd.length < ODD_MAX) this.odd.push(`${new Date().toISOString()} ${kind}: ${text.slice(0, 300)}`);
      }
    }
  }

  violate(what: string): void {
    if (this.violations.length < ODD_MAX) this.violations.push(`${new Date().toISOString()} ${what}`);
  }
}

const ODD_MAX = 100;
