/** Thrown when an evaluation spends more than its limits allow; `evaluate` turns it into a refusal. */
export class LimitExceeded extends Error {
  readonly limit: string;
  constructor(limit: string) {
    super(`limit exceeded: ${limit}`);
    this.limit = limit;
  }
}

/**
 * What the running evaluation may still spend. Evaluation is synchronous, so one meter serves the module;
 * `metered` saves and restores it. Outside an evaluation nothing is metered.
 */
export const meter = { steps: Number.POSITIVE_INFINITY, textCharsMax: Number.POSITIVE_INFINITY };

/** Takes `amount` steps: a statement, an element looked at, or 16 characters read. Throws `LimitExceeded`. */
export function spend(amount: number): void {
  meter.steps -= amount;
  if (meter.steps < 0) throw new LimitExceeded("steps");
}

/** Takes the steps of reading a text and refuses one that is longer than the limit. */
export function spendText(chars: number): void {
  if (chars > meter.textCharsMax) throw new LimitExceeded("text_chars");
  spend(1 + (chars >> 4));
}

/** Runs `body` under fresh limits and gives the former ones back, however it ends. */
export function metered<T>(limits: { steps: number; textCharsMax: number }, body: () => T): T {
  const { steps, textCharsMax } = meter;
  meter.steps = limits.steps;
  meter.textCharsMax = limits.textCharsMax;
  try {
    return body();
  } finally {
    meter.steps = steps;
    meter.textCharsMax = textCharsMax;
  }
}
