import { beforeEach, describe, expect, it } from "vitest";
import type { LayerPolicy } from "../../../policies/decide/decide-layer.ts";
import { fromJson } from "../../../policies/engine/json.ts";
import type { Machine } from "../../../policies/engine/machine.ts";
import { OObject } from "../../../policies/engine/value.ts";
import { POLICY_ENTRYPOINT } from "../../../shared/contracts/policy/document.ts";
import type { ApprovalEvidence } from "../../../shared/contracts/ports/policy.ts";
import { canonicalJson } from "../../../shared/crypto/canonical-json.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { policyInput } from "../../../test/support/policy-input.ts";
import { type AskedLayer, askLayers, type Watcher } from "./ask-layers.ts";
import { RememberedOutcomes } from "./remembered-outcomes.ts";

const NOW_MS = 1_795_000_000_000;
/** A policy that answers one document, whatever it is asked; `asked` counts. */
function answering(document: object): { policy: LayerPolicy; asked: () => number } {
  let asked = 0;
  const run = (machine: Machine) => {
    asked++;
    const value = fromJson({ result: { reasons: [], ...document } });
    if (value.ok) machine.results.push(value.value);
  };
  const plan = { entrypoints: new Map([[POLICY_ENTRYPOINT, run]]), rules: [] };
  return { policy: { plan, data: new OObject() }, asked: () => asked };
}
const layer = (name: "cell" | "tenant", policy: LayerPolicy): AskedLayer => ({
  ...{ layer: name, version: name === "cell" ? 3 : 5, revision: 7, digest: `digest-${name}`, policy },
});
const both = (cell: object, tenant: object | null) => ({
  cell: layer("cell", answering(cell).policy),
  tenant: tenant === null ? null : layer("tenant", answering(tenant).policy),
});

let told: { layer: string; seconds: number }[];
let crashes: unknown[];
let watcher: Watcher;
beforeEach(() => {
  [told, crashes] = [[], []];
  let seconds = 0;
  watcher = {
    evaluated: ({ layer: name }, _outcome, took) => void told.push({ layer: name, seconds: took }),
    crashed: (cause) => void crashes.push(cause),
    seconds: () => seconds++,
  };
});
const BASIS = { tenant_version: 5 };
const ALLOW = { decision: "ALLOW", reasons: ["fine"] };
const DENY = { decision: "DENY", reasons: ["no"] };
const HITL = { decision: "REQUIRE_HITL", reasons: ["two_eyes"] };

describe("two layers", () => {
  it("are both asked, and the stricter of them decides, whichever it is", () => {
    const decide = (cell: object, tenant: object | null) =>
      askLayers(both(cell, tenant), policyInput(), BASIS, NOW_MS, watcher).decision.decision;
    expect(decide(ALLOW, DENY)).toBe("DENY");
    expect(decide(DENY, ALLOW)).toBe("DENY");
    expect(decide(ALLOW, ALLOW)).toBe("ALLOW");
    expect(decide(ALLOW, HITL)).toBe("REQUIRE_HITL");
    expect(decide(ALLOW, null)).toBe("ALLOW");
    expect(decide(DENY, null)).toBe("DENY");
    expect(crashes).toEqual([]);
  });

  it("are named in the record with what each answered, so that evidence tells who denied", () => {
    const input = policyInput();
    const decided = askLayers(both(ALLOW, DENY), input, BASIS, NOW_MS, watcher);
    const canonical = canonicalJson(JSON.parse(JSON.stringify(input)));
    expect(decided).toEqual({
      decision: { decision: "DENY", reasons: ["no"], obligations: [], approvals: [] },
      layers: [
        { layer: "cell", version: 3, revision: 7, digest: "digest-cell", decision: "ALLOW", reasons: ["fine"] },
        { layer: "tenant", version: 5, revision: 7, digest: "digest-tenant", decision: "DENY", reasons: ["no"] },
      ],
      ...{ policy_digest: "digest-cell;digest-tenant", now_ns: `${NOW_MS}000000` },
      ...{ input_digest: sha256Hex(canonical), input_json: JSON.stringify(input) },
    });
    expect(told).toEqual([
      { layer: "cell", seconds: 1 },
      { layer: "tenant", seconds: 1 },
    ]);
  });

  it("are one where the tenant has none in force", () => {
    const decided = askLayers(both(ALLOW, null), policyInput(), BASIS, NOW_MS, watcher);
    expect([decided.policy_digest, decided.layers.map(({ layer: name }) => name)]).toEqual(["digest-cell", ["cell"]]);
  });
});

describe("whatever breaks on the way", () => {
  const CRASHED = { decision: "DENY", reasons: ["policy_error"], obligations: [], approvals: [] };

  it("is a denial that says so, is told, and names no layer as its author", () => {
    const broken = new Error("no clock");
    const decided = askLayers(both(ALLOW, null), policyInput(), BASIS, NOW_MS, {
      ...watcher,
      seconds() {
        throw broken;
      },
    });
    expect(decided).toMatchObject({ decision: CRASHED, layers: [], policy_digest: "digest-cell" });
    expect(decided.input_digest).toHaveLength(64);
    expect(crashes).toEqual([broken]);
  });

  it("is a denial too where the input is no document, which nothing can have decided", () => {
    const input = { ...policyInput(), purpose: "\ud800" };
    const decided = askLayers(both(ALLOW, null), input, BASIS, NOW_MS, watcher);
    expect([decided.decision, crashes.length]).toEqual([CRASHED, 1]);
  });
});

describe("what is remembered of one input", () => {
  const evidence = (subject: string): ApprovalEvidence => ({
    ...{ digest: "d", granted: [{ layer: "cell", subject, roles: ["approver"] }] },
  });

  it("never stands for a call with an approval, nor what an approval allowed for a call without one", () => {
    const remembered = new RememberedOutcomes();
    const layers = both(HITL, null);
    const decide = (approval?: ApprovalEvidence) =>
      askLayers(layers, policyInput(), approval ? { ...BASIS, approval } : BASIS, NOW_MS, watcher, remembered).decision
        .decision;
    expect(decide(evidence("checker"))).toBe("ALLOW");
    expect(decide()).toBe("REQUIRE_HITL");
    expect(decide(evidence("checker"))).toBe("ALLOW");
    // Whose own call it is approves nothing.
    expect(decide(evidence(policyInput().actor.subject))).toBe("REQUIRE_HITL");
    expect(decide()).toBe("REQUIRE_HITL");
  });

  it("does not outlast a sign-in: the same input is a step-up again once that is too old", () => {
    const remembered = new RememberedOutcomes();
    const stepUp = { decision: "REQUIRE_STEP_UP", reasons: ["fresh"], acr: { values: ["mfa"], max_age_s: 60 } };
    const layers = both(stepUp, ALLOW);
    const { actor } = policyInput();
    const input = policyInput({ actor: { ...actor, acr: "mfa", auth_time_s: NOW_MS / 1_000 } });
    const at = (ms: number) => askLayers(layers, input, BASIS, NOW_MS + ms, watcher, remembered).decision.decision;
    expect([at(0), at(60_000), at(60_001), at(0)]).toEqual(["ALLOW", "ALLOW", "REQUIRE_STEP_UP", "ALLOW"]);
    expect(told).toHaveLength(2);
  });

  it("belongs to both layers together: a tenant that puts another policy in force is decided by it", () => {
    const remembered = new RememberedOutcomes();
    const [cell, lenient, strict] = [answering(ALLOW), answering(ALLOW), answering(DENY)];
    const decide = (tenant: LayerPolicy | null) =>
      askLayers(
        { cell: layer("cell", cell.policy), tenant: tenant && layer("tenant", tenant) },
        ...([policyInput(), BASIS, NOW_MS, watcher, remembered] as const),
      ).decision.decision;
    expect([decide(lenient.policy), decide(strict.policy), decide(null), decide(strict.policy)]).toEqual([
      ...["ALLOW", "DENY", "ALLOW", "DENY"],
    ]);
    expect([cell.asked(), lenient.asked(), strict.asked()]).toEqual([1, 1, 1]);
  });

  it("cannot be altered by a caller that is given it, deep inside too", () => {
    const remembered = new RememberedOutcomes();
    const layers = both({ ...ALLOW, obligations: [{ id: "cap_output_tokens", params: { max: 5 } }] }, null);
    const ask = () => askLayers(layers, policyInput(), BASIS, NOW_MS, watcher, remembered);
    const { decision } = ask();
    const [obligation] = decision.obligations;
    expect(() => decision.reasons.push("mine")).toThrow(TypeError);
    expect(() => Object.assign(obligation?.params ?? {}, { max: 9 })).toThrow(TypeError);
    expect(ask().decision).toBe(decision);
    const stated = ask().layers[0];
    stated?.reasons.push("mine");
    expect(ask().layers[0]?.reasons).toEqual(["fine"]);
  });
});
