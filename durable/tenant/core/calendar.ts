import type { BudgetRecord } from "../../../shared/contracts/ports/tenant-store.ts";

const DAY_MS = 86_400_000;

/** UTC days since the epoch. */
export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);
/** `YYYY-MM-DD`. */
export const dayText = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);
/** Throws on text that is no calendar day. */
export function parseDay(text: string): number {
  const day = dayOf(Date.parse(`${text}T00:00:00.000Z`));
  if (Number.isNaN(day) || dayText(day) !== text) throw new RangeError("not a UTC day");
  return day;
}

/** Periods of one kind never share a number with periods of another, so a budget may change its period. */
const FIRST_DAY = 1_000_000;
export const FIRST_MONTH = 2_000_000;
const monthOf = (ms: number): number => {
  const date = new Date(ms);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
};

/** The current period of each kind, in UTC. */
export interface Spans {
  day: number;
  month: number;
  total: number;
}
export const spansAt = (ms: number): Spans => ({
  day: FIRST_DAY + dayOf(ms),
  month: FIRST_MONTH + monthOf(ms),
  total: 0,
});

/** When the current period ends; null for a budget that never resets. */
export function spanEndMs(period: BudgetRecord["period"], nowMs: number): number | null {
  if (period === "day") return (dayOf(nowMs) + 1) * DAY_MS;
  if (period === "total") return null;
  const month = monthOf(nowMs) + 1;
  return Date.UTC(Math.floor(month / 12), month % 12, 1);
}
