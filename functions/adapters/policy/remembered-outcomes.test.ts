import { expect, it } from "vitest";
import type { LayerPolicy } from "../../../policies/decide/decide-layer.ts";
import { fromJson } from "../../../policies/engine/json.ts";
import type { Machine } from "../../../policies/engine/machine.ts";
import { OObject } from "../../../policies/engine/value.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { POLICY_ENTRYPOINT } from "../../../shared/contracts/policy/document.ts";
import { policyInput } from "../../../test/support/policy-input.ts";
import { type AskedLayers, askLayers, type Watcher } from "./ask-layers.ts";
import { RememberedOutcomes } from "./remembered-outcomes.ts";

const watcher: Watcher = {
  evaluated: () => {},
  crashed(cause) {
    throw cause;
  },
  seconds: () => 0,
};

/** A policy that counts how often it is worked out, and may ask for the time. */
function counted(timed: boolean) {
  const counter = { asked: 0 };
  const run = (machine: Machine) => {
    counter.asked++;
    const allowed = timed ? (machine.world.now_ns / 1_000_000n) % 2n === 0n : true;
    const document = { decision: allowed ? "ALLOW" : "DENY", reasons: [allowed ? "even" : "odd"] };
    const value = fromJson({ result: document });
    if (value.ok) machine.results.push(value.value);
  };
  const policy: LayerPolicy = {
    plan: { entrypoints: new Map([[POLICY_ENTRYPOINT, run]]), rules: [] },
    data: new OObject(),
  };
  return { counter, policy };
}
const layers = (policy: LayerPolicy): AskedLayers => ({
  cell: { layer: "cell", version: 1, revision: 1, digest: "d", policy },
  tenant: null,
});
const BASIS = { tenant_version: 1 };

it("works an answer out once for the very same input, and anew for any other", () => {
  const { counter, policy } = counted(false);
  const remembered = new RememberedOutcomes();
  const ask = (input: ReturnType<typeof policyInput>) =>
    askLayers(layers(policy), input, BASIS, 1_000, watcher, remembered);
  const first = ask(policyInput());
  expect(ask(policyInput())).toEqual(first);
  expect(counter.asked).toBe(1);
  const others = [
    policyInput({ action: "model:read" }),
    { ...policyInput(), classification: "restricted" },
    { ...policyInput(), point: "fallback" as const },
  ];
  for (const [at, input] of others.entries()) {
    expect(ask(input).input_digest).not.toBe(first.input_digest);
    expect(counter.asked).toBe(at + 2);
  }
});

it("asks a policy that was put in force meanwhile, and never answers with the one before", () => {
  const remembered = new RememberedOutcomes();
  const [before, after] = [counted(false), counted(false)];
  const input = policyInput();
  askLayers(layers(before.policy), input, BASIS, 1_000, watcher, remembered);
  askLayers(layers(after.policy), input, BASIS, 1_000, watcher, remembered);
  expect([before.counter.asked, after.counter.asked]).toEqual([1, 1]);
});

it("remembers nothing that asked for the time, so a rule about hours holds at every hour", () => {
  const { counter, policy } = counted(true);
  const remembered = new RememberedOutcomes();
  const answers = [0, 1, 2].map(
    (nowMs) => askLayers(layers(policy), policyInput(), BASIS, nowMs, watcher, remembered).decision.decision,
  );
  expect(counter.asked).toBe(3);
  expect(answers).toEqual(["ALLOW", "DENY", "ALLOW"]);
});

it("remembers no failure, so a policy that once ran out of steps is asked again", () => {
  const remembered = new RememberedOutcomes();
  let asked = 0;
  const run = (machine: Machine) => {
    asked++;
    if (asked === 1) return;
    const value = fromJson({ result: { decision: "ALLOW", reasons: ["now"] } });
    if (value.ok) machine.results.push(value.value);
  };
  const policy: LayerPolicy = {
    plan: { entrypoints: new Map([[POLICY_ENTRYPOINT, run]]), rules: [] },
    data: new OObject(),
  };
  const ask = () => askLayers(layers(policy), policyInput(), BASIS, 1, watcher, remembered).decision;
  expect([ask().decision, ask().decision]).toEqual(["DENY", "ALLOW"]);
});

it("remembers no input longer than its bound, so that what is kept of all callers fits the memory of an edge", () => {
  const remembered = new RememberedOutcomes();
  const sized = (chars: number) => {
    const bare = { ...policyInput(), classification: "" };
    return { ...bare, classification: "x".repeat(chars - JSON.stringify(bare).length) };
  };
  const [fits, beyond] = [LIMITS.policyOutcomeInputCharsMax, LIMITS.policyOutcomeInputCharsMax + 1].map(sized);
  if (!fits || !beyond) throw new Error("no inputs");
  expect(remembered.of(fits)).toBe(remembered.of(fits));
  expect(remembered.of(beyond)).not.toBe(remembered.of(beyond));
});
