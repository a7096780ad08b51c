import { z } from "zod";

/** Rings of cells: each is released after the one before was healthy for its soak. */
export const Rings = z.strictObject({
  schema_version: z.literal(1),
  error_share_max: z.number().gt(0).lt(1),
  rings: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        cells: z.array(z.string().regex(/^[a-z][a-z0-9]{0,15}$/)).min(1),
        soak_s: z.number().int().min(0).max(86_400),
      }),
    )
    .min(1),
  endpoints: z.record(z.string(), z.url({ protocol: /^https?$/ })),
});
export type Rings = z.infer<typeof Rings>;

/** What a roll-out does to one cell. A step that rejects has failed. */
export interface RolloutSteps {
  release(cell: string): Promise<void>;
  /** Whether the deployed cell passes the smoke suite; a sentence when it does not. */
  smoke(cell: string): Promise<string | null>;
  /** Share of failed calls during the soak; null: nothing can be read, which counts as failed. */
  errorShare(cell: string, soakS: number): Promise<number | null>;
  rollback(cell: string): Promise<void>;
  say(line: string): void;
}

export interface RolloutOutcome {
  released: string[];
  /** Null where everything is released. */
  failed: { cell: string; reason: string } | null;
  rolledBack: string[];
  /** Cells that a rollback did not reach: somebody has to look. */
  stuck: string[];
}

/** Throws for rings in which a cell is twice or has no endpoint. */
export function checkRings(rings: Rings): Rings {
  const cells = rings.rings.flatMap((ring) => ring.cells);
  const twice = cells.find((cell, at) => cells.indexOf(cell) !== at);
  if (twice !== undefined) throw new RangeError(`cell ${twice} is in two rings`);
  const unknown = cells.find((cell) => rings.endpoints[cell] === undefined);
  if (unknown !== undefined) throw new RangeError(`cell ${unknown} has no endpoint`);
  return rings;
}

/**
 * Ring by ring, cell by cell: release, smoke, soak within the error budget. The first failure stops it and takes back every
 * cell released so far, newest first, the failed one included; no later ring is touched.
 */
export async function rollout(given: Rings, steps: RolloutSteps): Promise<RolloutOutcome> {
  const { rings, error_share_max: shareMax } = checkRings(given);
  const released: string[] = [];
  for (const ring of rings) {
    for (const cell of ring.cells) {
      released.push(cell);
      steps.say(`${ring.name}: ${cell}: releasing`);
      const reason = await attempt(cell, steps);
      if (reason !== null) return takeBack(released, { cell, reason }, steps);
    }
    const shares = await Promise.all(
      ring.cells.map(async (cell) => [cell, await shareOf(cell, ring.soak_s, steps)] as const),
    );
    for (const [cell, share] of shares) {
      steps.say(`${ring.name}: ${cell}: ${typeof share === "number" ? `${(share * 100).toFixed(3)} % failed` : share}`);
      if (typeof share === "string") return takeBack(released, { cell, reason: share }, steps);
      if (share > shareMax)
        return takeBack(released, { cell, reason: `${share} of calls failed, more than ${shareMax}` }, steps);
    }
  }
  return { released, failed: null, rolledBack: [], stuck: [] };
}

async function attempt(cell: string, steps: RolloutSteps): Promise<string | null> {
  try {
    await steps.release(cell);
    return await steps.smoke(cell);
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}

async function shareOf(cell: string, soakS: number, steps: RolloutSteps): Promise<number | string> {
  try {
    return (await steps.errorShare(cell, soakS)) ?? "its metrics cannot be read";
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}

async function takeBack(
  released: readonly string[],
  failed: { cell: string; reason: string },
  steps: RolloutSteps,
): Promise<RolloutOutcome> {
  steps.say(`${failed.cell}: FAILED: ${failed.reason}`);
  const [rolledBack, stuck]: [string[], string[]] = [[], []];
  for (const cell of released.toReversed())
    try {
      await steps.rollback(cell);
      rolledBack.push(cell);
      steps.say(`${cell}: rolled back`);
    } catch (cause) {
      stuck.push(cell);
      steps.say(`${cell}: NOT ROLLED BACK: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  return { released: [], failed, rolledBack, stuck };
}

/** Calls and those that ended with 5xx, from a cell's `/metrics`. */
export function callsOf(exposition: string): { all: number; failed: number } {
  const sums = { all: 0, failed: 0 };
  for (const [, labels = "", value] of exposition.matchAll(
    /^http_server_request_duration_seconds_count\{([^\n]*)\} (\S+)$/gm,
  )) {
    sums.all += Number(value);
    if (/http_response_status_code="5\d\d"/.test(labels)) sums.failed += Number(value);
  }
  return sums;
}

/** Share of calls between two readings that failed; a counter that fell was begun anew. Without a call: 0. */
export function failedShare(before: string, after: string): number {
  const [first, last] = [callsOf(before), callsOf(after)];
  const anew = last.all < first.all;
  const all = last.all - (anew ? 0 : first.all);
  return all === 0 ? 0 : Math.max(0, last.failed - (anew ? 0 : first.failed)) / all;
}
