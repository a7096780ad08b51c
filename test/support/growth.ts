/** {@link growthOf} of linear work stays below this, with what small sizes spare; of quadratic work it comes to 2. */
export const GROWTH_MAX = 1.25;

/** How many times as much one piece of work of size `size` costs as two halves, by a `cost` that no clock tells. */
export const growthOf = (cost: (size: number) => number, size: number): number => cost(size) / (2 * cost(size / 2));
