import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { policyWorld } from "../../test/support/policy-world.ts";
import { policyDependencies } from "./dependencies.ts";

const probes = (world: ReturnType<typeof policyWorld>) => async () =>
  Promise.all(
    policyDependencies(world.policy).map(async ({ name, required, probe }) => ({ name, required, ...(await probe()) })),
  );

describe("what /readyz asks of the policy", () => {
  it("is a first load that succeeded, so that no cell takes traffic which it could only refuse", async () => {
    const world = policyWorld();
    const ask = probes(world);
    world.store.down = new Error("no network");
    expect(await ask()).toMatchObject([
      { name: "policy", required: true, ready: false, reason: "the policy's store does not answer" },
      { name: "policy-renewal", required: false },
    ]);
    world.store.down = null;
    world.clock.advance(LIMITS.policyReloadMsMin);
    expect(await ask()).toMatchObject([{ ready: true }, {}]);
    expect(await ask()).toMatchObject([{ ready: true }, { ready: true }]);
  });

  it("is ready but degraded while a renewal failed, and unready once the statement has expired", async () => {
    const world = policyWorld();
    const ask = probes(world);
    await world.decide();
    world.store.down = new Error("no network");
    world.clock.advance(LIMITS.policyRenewMs);
    await world.decide();
    await world.settle();
    expect(await ask()).toMatchObject([
      { name: "policy", ready: true },
      { name: "policy-renewal", ready: false, reason: "the last renewal failed" },
    ]);
    world.clock.advance(LIMITS.policyStatementMsMax);
    expect(await ask()).toMatchObject([{ name: "policy", ready: false }, { name: "policy-renewal" }]);
  });
});
