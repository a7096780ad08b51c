import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { compileSnapshot } from "./compile.ts";

const compiled = (pools: JsonObject) =>
  compileSnapshot(
    {
      "providers.yml": { providers: { gpu: { kind: "pool", pool: "pool-chat" }, other: { kind: "pool" } } },
      "models.yml": { models: { chat: { provider: "gpu", model: "llama", prices: "none" } } },
      "pools.yml": { pools },
    },
    { id: "eu1", jurisdiction: "eu" },
    () => true,
  );
const poolsOf = (pools: JsonObject) => {
  const snapshot = compiled(pools);
  if (!snapshot.ok) throw new Error(JSON.stringify(snapshot.error));
  return snapshot.value.pools ?? {};
};

describe("pools.yml", () => {
  it("has every pool that a provider sends work to, started by hand and waited for at most a minute", () => {
    const pools = poolsOf({});
    expect(Object.keys(pools).sort()).toEqual(["other", "pool-chat"]);
    expect(pools.other).toEqual({
      ...{ name: "other", issuers: [], scale_from_zero: false },
      ...{ cold_start_ms: LIMITS.poolColdStartMsDefault, max_wait_ms: LIMITS.poolWaitMsDefault },
    });
  });

  it("lets calls wait for a cold start where that is longer, so that the first job is not refused", () => {
    const started = (more: JsonObject) => poolsOf({ "pool-chat": { scale_from_zero: true, ...more } })["pool-chat"];
    expect(started({})?.max_wait_ms).toBe(LIMITS.poolColdStartMsDefault);
    expect(started({ cold_start_ms: 10_000 })?.max_wait_ms).toBe(LIMITS.poolWaitMsDefault);
    expect(started({ cold_start_ms: 10_000, max_wait_ms: 20_000 })).toMatchObject({
      ...{ scale_from_zero: true, cold_start_ms: 10_000, max_wait_ms: 20_000 },
    });
  });

  it.each([
    ["a wait that ends before a worker could be there", { scale_from_zero: true, max_wait_ms: 1_000 }, "max_wait_ms"],
    ["a wait beyond every deadline", { max_wait_ms: LIMITS.poolWaitMsMax + 1 }, "max_wait_ms"],
    ["a cold start before it began", { cold_start_ms: -1 }, "cold_start_ms"],
    ["a switch that is none", { scale_from_zero: "yes" }, "scale_from_zero"],
    ["a member that nobody reads", { max_waits_ms: 1 }, "max_waits_ms"],
  ])("refuses %s, with the place of it", (_what, entry, member) => {
    const refused = compiled({ "pool-chat": entry });
    expect(refused.ok).toBe(false);
    expect(JSON.stringify(refused.ok ? null : refused.error)).toContain(member);
  });
});
