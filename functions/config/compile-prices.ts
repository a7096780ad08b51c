import type { PriceEntry } from "../../shared/contracts/config/models.ts";
import type { Prices } from "../../shared/contracts/usage.ts";

/** Meters of a price entry, in nano-dollars per unit. Cached tokens cost what input costs unless their price is stated. */
export function pricesOf(entry: PriceEntry | "none"): Prices {
  if (entry === "none") return {};
  const prices: Prices = {};
  if (entry.input !== undefined) prices.tokens_in = entry.input;
  const cached = entry.cached_input ?? entry.input;
  if (cached !== undefined) prices.tokens_cached = cached;
  if (entry.output !== undefined) prices.tokens_out = entry.output;
  if (entry.second !== undefined) prices.seconds = entry.second;
  if (entry.image !== undefined) prices.images = entry.image;
  if (entry.point !== undefined) prices.points = entry.point;
  if (entry.step !== undefined) prices.steps = entry.step;
  return prices;
}

/** Prices of a line of a batch, to a thousandth of a nano-dollar. */
export const discounted = (prices: Prices, discount: number): Prices =>
  Object.fromEntries(
    Object.entries(prices).map(([meter, price]) => [meter, Math.round(price * (1 - discount) * 1_000) / 1_000]),
  );
