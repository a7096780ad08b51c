/** A part of the product whose tests are tested themselves: a small change of its code should make one of them fail. */
export interface Area {
  /** Files that are changed, as Stryker's patterns. */
  mutate: readonly string[];
  /** Tests that must notice: those of the part itself, so that a failure points at it. */
  tests: readonly string[];
}

const code = (...paths: string[]): string[] => [...paths, "!**/*.test.ts"];
const TENANT_TESTS = ["durable/tenant/{,core/}*.test.ts"];

/** What `npm run mutate -- <area>` knows; `budgets` and `admission` are the parts of `tenant` that move money. */
export const AREAS: Readonly<Record<string, Area>> = {
  decide: { mutate: code("policies/decide/*.ts"), tests: ["policies/decide/*.test.ts"] },
  layers: {
    mutate: code("functions/adapters/policy/{ask-layers,live-layers,load-layer,layer-keys}.ts"),
    tests: ["functions/adapters/policy/*.test.ts"],
  },
  "crypto-log": { mutate: code("shared/crypto/log/*.ts"), tests: ["shared/crypto/log/*.test.ts"] },
  ledger: {
    mutate: code("durable/runtime/log/*.ts"),
    tests: ["durable/runtime/log/*.test.ts", "durable/tenant/core/ledger.test.ts"],
  },
  runtime: {
    mutate: code("durable/runtime/{tick,pending-call,node-sql,embedded-object,known,sync-rounds,sync-gate}.ts"),
    tests: ["durable/runtime/*.test.ts", "test/contract/sql.test.ts"],
  },
  budgets: {
    mutate: code("durable/tenant/core/{budgets,buckets,calendar,close,settle}.ts"),
    tests: TENANT_TESTS,
  },
  admission: { mutate: code("durable/tenant/core/{admit,idempotency,abandon,upkeep}.ts"), tests: TENANT_TESTS },
  tenant: { mutate: code("durable/tenant/core/*.ts"), tests: TENANT_TESTS },
  task: { mutate: code("durable/task/{core,run,log,detached,callback}.ts"), tests: ["durable/task/*.test.ts"] },
  batch: { mutate: code("durable/batch/{batches,files,page,turn}.ts"), tests: ["durable/batch/*.test.ts"] },
};
