import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ledgerWriter } from "../../../durable/tenant/core/ledger.ts";
import { ROOT } from "../../../infra/local/command.mjs";
import { pack, sign } from "../../../policies/bundle/archive.fixture.ts";
import { ok } from "../../../shared/contracts/result.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { BUNDLE_KEY, BUNDLE_KEYS_YAML, BUNDLE_SECRET } from "../../support/policy-bundle.ts";
import { attribution } from "../../support/tenant-fixtures.ts";
import { type BenchCell, openBenchCell } from "../in-process/cell.ts";
import { chatBody } from "../in-process/chat.ts";
import { tenantsOf } from "../in-process/tenants.ts";
import { closedDetail, openedDetail } from "../ledger-entries.ts";
import { rulesPlan } from "./rules-plan.ts";

/** One cell at one size of what grows. */
export interface World {
  /** Call number `at` of each series, in the order of the axis's titles. */
  series: readonly ((at: number) => Promise<unknown>)[];
  close(): Promise<void>;
}

export interface Axis {
  /** What grows, once for each way of calling it. */
  titles: readonly string[];
  sizes: readonly number[];
  open(size: number): Promise<World>;
}

const PATH = "/v1/chat/completions";
const INSTANT = chatBody("instant");
const ENTRIES_A_STEP = 2_000;
const CALLING = 16;

const world = (cell: BenchCell, ...series: World["series"]): World => ({ series, close: () => cell.close() });
const asFirstTenant = (cell: BenchCell) => () => cell.ask("POST", PATH, cell.apiKey, INSTANT);

/** Tenants of a cell: a few of them call, or all in turn, which is the most that files and caches can be asked for. */
async function openTenants(size: number): Promise<World> {
  const cell = await openBenchCell();
  const keys = await tenantsOf(cell, size);
  const firstOf = (used: number) => (at: number) => cell.ask("POST", PATH, keys[at % used] ?? "", INSTANT);
  return world(cell, firstOf(Math.min(size, CALLING)), firstOf(size));
}

/** Entries of ordinary calls, appended as admission and settlement append them; nothing is pruned. */
async function openLedger(size: number): Promise<World> {
  const cell = await openBenchCell();
  const by = attribution();
  for (let written = 0; written < size; written += ENTRIES_A_STEP)
    await cell.objects.call(cell.tenantClass, cell.tenant, (sql, env) =>
      sql.transaction(() => {
        const ledger = ledgerWriter(sql, env.now);
        for (let at = 0; at < Math.min(ENTRIES_A_STEP, size - written); at += 2) {
          const task = `task_${String(ledger.next).padStart(26, "0")}`;
          const entry = { action: "inference:invoke", task, by };
          const opened = ledger.append({ ...entry, kind: "task.opened", outcome: "pending", detail: openedDetail });
          ledger.append({ ...entry, kind: "task.closed", outcome: "success", detail: { ...closedDetail, opened } });
        }
        return ok(null);
      }),
    );
  return world(cell, asFirstTenant(cell));
}

/** Models of one provider, which are called in turn. */
async function openModels(size: number): Promise<World> {
  const prices = { input: "0.15", output: "0.60" };
  const names = Array.from({ length: size }, (_, number) => `model-${number}`);
  const models = Object.fromEntries(names.map((name) => [name, { provider: "mock", model: "instant", prices }]));
  const cell = await openBenchCell({ files: { "models.yml": JSON.stringify({ models }) } });
  const bodies = names.map((name) => chatBody(name));
  return world(cell, (at) => cell.ask("POST", PATH, cell.apiKey, bodies[at % size] ?? ""));
}

/** Refusals in the tenant's own bundle, none of which meets the calls: each is looked at in each decision. */
async function openPolicies(size: number): Promise<World> {
  const tenants = `tenants: { default: { privacy: allow-api, bundle_keys: ${BUNDLE_KEYS_YAML} } }`;
  const cell = await openBenchCell({ files: { "tenants.yml": tenants }, secret: BUNDLE_SECRET });
  const files = new Map<string, string | Uint8Array>([
    ["data.json", readFileSync(join(ROOT, "policies/examples/tenant/data.json"))],
    ["plan.json", rulesPlan(size)],
    [".manifest", JSON.stringify({ revision: "1", roots: ["bailiwick", "example"] })],
  ]);
  const claims = { keyid: BUNDLE_KEY, layer: "tenant", tenant: cell.tenant, revision: 1, contract: "1.0.0" };
  await sign(files, claims, { alg: "HS256", key: utf8(BUNDLE_SECRET), kid: BUNDLE_KEY });
  const archive = new Uint8Array(await pack(files));
  await cell.ask("PUT", "/v1/policies/bundles?layer=tenant", cell.adminKey, archive, "application/gzip");
  await cell.ask("POST", "/v1/policies/bundles/1/activate?layer=tenant", cell.adminKey, "{}");
  return world(cell, asFirstTenant(cell));
}

/** What may grow without a call's cost following it. */
export const AXES: Readonly<Record<string, Axis>> = {
  tenants: {
    titles: [`tenants, ${CALLING} of them calling`, "tenants, all of them calling in turn"],
    sizes: [1, 100, 1_000, 10_000],
    open: openTenants,
  },
  ledger: { titles: ["entries in the tenant's ledger"], sizes: [1e3, 1e4, 1e5, 1e6], open: openLedger },
  models: { titles: ["models"], sizes: [1, 10, 100, 1_000], open: openModels },
  policies: { titles: ["rules in the tenant's bundle"], sizes: [1, 10, 100, 500], open: openPolicies },
};
