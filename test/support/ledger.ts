import { expect } from "vitest";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import type { Lab } from "./lab.ts";
import { leafHex } from "./leaf-hex.ts";

export type Entry = JsonObject & {
  seq: number;
  prev: string;
  kind: string;
  action: string;
  task: string | null;
  detail: JsonObject & {
    cost_nusd?: number;
    was_nusd?: number;
    estimated?: boolean;
    status?: string;
    reason?: string;
    repeats?: number;
  };
};

interface Page {
  data: Entry[];
  next_from: number | null;
  size: number;
  head: string;
}

/** Every entry of the tenant of `key`, with the size and head that the last page told. */
export async function readLedger(lab: Lab, key: string): Promise<{ entries: Entry[]; size: number; head: string }> {
  const entries: Entry[] = [];
  for (let from = 0; ; ) {
    const page: Page = await lab.json(`/v1/ledger?limit=100&from=${from}`, { key });
    entries.push(...page.data);
    if (page.next_from === null) return { entries, size: page.size, head: page.head };
    from = page.next_from;
  }
}

/** Recomputes the chain from the entries alone: gapless from 0, each `prev` the leaf hash of the one before, the head the last. */
export function expectChained({ entries, size, head }: Awaited<ReturnType<typeof readLedger>>): void {
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index));
  expect(size).toBe(entries.length);
  let prev = "0".repeat(64);
  for (const entry of entries) {
    expect(entry.prev).toBe(prev);
    prev = leafHex(canonicalJson(entry));
  }
  expect(head).toBe(prev);
}

/** What the ledger says was charged: a correction replaces the estimate that it names. */
export const chargedNusd = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { kind, detail }) => {
    if (kind === "task.closed" || kind === "task.abandoned") return sum + (detail.cost_nusd ?? 0);
    return kind === "task.corrected" ? sum + (detail.cost_nusd ?? 0) - (detail.was_nusd ?? 0) : sum;
  }, 0);
