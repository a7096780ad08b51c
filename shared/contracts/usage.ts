import { z } from "zod";
import type { NanoUsd } from "./ids.ts";

export const METERS = ["tokens_in", "tokens_out", "tokens_cached", "seconds", "images", "points", "steps"] as const;
export const Meter = z.enum(METERS);
export type Meter = z.infer<typeof Meter>;
export const UsageRow = z.object({ meter: Meter, quantity: z.number().int().min(0).max(1e12) });
export type UsageRow = z.infer<typeof UsageRow>;

/** Nano-dollars per single unit of a meter; a missing meter costs nothing. */
export type Prices = Partial<Record<Meter, number>>;

/** Cost of usage at given prices, rounded up to a whole nano-dollar per row. `tokens_in` excludes `tokens_cached`. */
export function costOf(usage: readonly UsageRow[], prices: Prices): NanoUsd {
  let total = 0;
  for (const { meter, quantity } of usage) total += Math.ceil(quantity * (prices[meter] ?? 0));
  return total as NanoUsd; // safe because: quantities and prices are bounded by their schemas
}

export const quantityOf = (usage: readonly UsageRow[], meter: Meter): number =>
  usage.reduce((sum, row) => (row.meter === meter ? sum + row.quantity : sum), 0);
