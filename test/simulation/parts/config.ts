import { parse } from "yaml";
import { bundledConfigSource } from "../../../functions/adapters/config-source/bundled.ts";
import { snapshotCompiler } from "../../../functions/config/compiler.ts";
import type { ConfigSource } from "../../../shared/contracts/ports/config-source.ts";
import { BUNDLE_KEYS_YAML } from "../../support/policy-bundle.ts";

export interface CellPlace {
  id: string;
  jurisdiction: string;
  region: string;
}
export const CELL: CellPlace = { id: "local", jurisdiction: "local", region: "local" };
/** Where a tenant moves to. */
export const OTHER: CellPlace = { ...CELL, id: "other" };
export const POOL = "pool";
export const TENANTS = ["alpha", "beta", "gamma"] as const;
/** Whose keys operate a cell; a tenant of that name is in each. */
export const OPERATORS = "alpha";
export type TenantName = (typeof TENANTS)[number];

/** How long an engine may say nothing before its call goes on to the next candidate. */
export const IDLE_TIMEOUT_MS = 20_000;

const price = "prices: { input: '1', output: '2' }";
const chat = "dialects: [openai.chat]";
const FILES: Readonly<Record<string, string>> = {
  "providers.yml": `providers:
  near: { kind: openai, base_url: 'http://near.example.com/v1', locality: local, ${chat}, idle_timeout_ms: ${IDLE_TIMEOUT_MS} }
  spare: { kind: openai, base_url: 'http://near.example.com/v1', locality: local, ${chat}, idle_timeout_ms: ${IDLE_TIMEOUT_MS} }
  far: { kind: openai, base_url: 'https://far.example.com/v1', locality: api, jurisdiction: local, ${chat}, idle_timeout_ms: ${IDLE_TIMEOUT_MS} }
  pool: { kind: pool, pool: ${POOL} }`,
  "models.yml": `models:
  direct: { provider: near, model: direct, ${price} }
  remote: { provider: far, model: remote, ${price} }
  pooled: { provider: pool, model: pooled, ${price} }
  guarded: { provider: near, model: guarded, ${price} }
  chain:
    strategy: ordered
    candidates:
      - { provider: near, model: first, ${price} }
      - { provider: spare, model: second, prices: { input: '2', output: '3' } }`,
  "policies.yml": `
budget: { default_usd: 0.01, hard_cap_usd: 0.05 }
rates: { key: { per_minute: 100000, burst: 100000 }, user: null, preauth_per_minute: 100000 }`,
  "tenants.yml": `tenants:
${TENANTS.map((id) => `  ${id}: { privacy: allow-api, content: store, bundle_keys: ${BUNDLE_KEYS_YAML} }`).join("\n")}`,
};

/** A pool that lets nobody wait long. */
const CROWDED: Readonly<Record<string, string>> = { "pools.yml": `pools: { ${POOL}: { max_wait_ms: 4000 } }` };

const compiled = new Map<string, ConfigSource>();

/** The configuration of every simulated cell, or of those whose pool is crowded: immutable, so that it is compiled once. */
export function configuration(cell: CellPlace, crowded: boolean): ConfigSource {
  const name = `${cell.id} ${crowded}`;
  const source =
    compiled.get(name) ??
    bundledConfigSource(
      Object.fromEntries(
        Object.entries(crowded ? { ...FILES, ...CROWDED } : FILES).map(([name, text]) => [name, parse(text)]),
      ),
      snapshotCompiler({ cell, secretsPresent: () => true, variable: () => null }),
    );
  compiled.set(name, source);
  return {
    current: () => source.current(),
    active: () => source.active(),
    state: () => source.state(),
    subscribe: () => () => {},
    close: () => {},
  };
}
