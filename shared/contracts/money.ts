import { z } from "zod";
import type { NanoUsd } from "./ids.ts";

/** Largest amount the cell accepts: below 2^53, so that sums of two amounts stay exact integers. */
export const NANO_USD_MAX = 9_000_000_000_000_000;

export const nanoUsd = (n: number): NanoUsd => {
  if (!Number.isSafeInteger(n) || Math.abs(n) > NANO_USD_MAX) throw new RangeError("amount out of range");
  return n as NanoUsd; // safe because: checked above
};

/** A dollar amount as text, to the nano-dollar. */
export const USD_TEXT = /^(\d{1,8})(?:\.(\d{1,9}))?$/;

/** Parses a decimal dollar amount exactly (`"0.02"` → 20_000_000); null when it is not one, or finer than a nano-dollar. */
export function parseUsd(text: string): NanoUsd | null {
  const match = USD_TEXT.exec(text);
  if (!match) return null;
  const n = Number(match[1]) * 1_000_000_000 + Number((match[2] ?? "").padEnd(9, "0"));
  return n > NANO_USD_MAX ? null : nanoUsd(n);
}

/** Shortest exact decimal of an amount in dollars: 20_000_000 → `"0.02"`. */
export function formatUsd(amount: NanoUsd): string {
  const digits = Math.abs(amount).toString().padStart(10, "0");
  const fraction = digits.slice(-9).replace(/0+$/, "");
  return `${amount < 0 ? "-" : ""}${digits.slice(0, -9)}${fraction ? `.${fraction}` : ""}`;
}

/** A dollar amount on the wire: decimal text, or a JSON number whose shortest form is an exact decimal. */
export const UsdAmount = z.union([z.string(), z.number()]).transform((value, context) => {
  const amount = parseUsd(String(value));
  if (amount === null) {
    context.issues.push({
      code: "custom",
      message: "a dollar amount with at most 9 decimals, up to 9000000",
      input: value,
    });
    return z.NEVER;
  }
  return amount;
});

export const NanoUsdSchema = z
  .number()
  .int()
  .min(-NANO_USD_MAX)
  .max(NANO_USD_MAX)
  .transform((n) => n as NanoUsd); // safe because: bounded
