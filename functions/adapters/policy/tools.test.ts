import { describe, expect, it } from "vitest";
import type { Decided } from "../../../shared/contracts/decision.ts";
import { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { DecisionRecord } from "../../../shared/contracts/policy/record.ts";
import { PolicyUnavailable } from "../../../shared/contracts/ports/policy.ts";
import { type Asked, PROBE, policyWorld, question, snapshotOf, TENANT } from "../../../test/support/policy-world.ts";
import { BUNDLE_SECRET, OTHER_SECRET, probeBundle } from "../../../test/support/probe-bundle.ts";
import { decisionRecord } from "../../pipeline/decision-record.ts";
import { policyTools } from "./tools.ts";

const own = { layer: "tenant", tenant: TENANT } as const;
const cell = { layer: "cell" } as const;

/** The tools over the same store and configuration as the policy that decides. */
function toolsWorld() {
  const world = policyWorld();
  let pauses = 0;
  const tools = policyTools({
    store: world.store,
    clock: world.clock,
    config: { current: () => world.state.snapshot },
    builtin: PROBE,
    readSecret: () => world.state.secret,
    pause: async () => void pauses++,
  });
  const recorded = (decided: Decided, asked: Asked): DecisionRecord => {
    const where = { task: null, atMs: world.clock.now(), snapshot: world.state.snapshot.digest };
    return DecisionRecord.parse(JSON.parse(decisionRecord(decided, question(asked), where).record));
  };
  return {
    ...world,
    tools,
    pauses: () => pauses,
    decideAndRecord: async (asked: Asked) => recorded(await world.decide(asked), asked),
  };
}

const allow = (...reasons: string[]) => ({ decision: "ALLOW", reasons });
const asks = (...documents: unknown[]) =>
  documents.map((document) => ({ input: question({ document }), at_ms: 1_000 }));

describe("checking an upload", () => {
  it("answers what the signed bundle says of itself, under the key in force", async () => {
    const { tools } = toolsWorld();
    const archive = await probeBundle({ tenant: "acme", revision: 4 });
    expect(await tools.check(own, archive)).toEqual({
      ok: true,
      value: { revision: 4, digest: expect.stringMatching(/^sha256:/), contract: "1.0.0", signed_by: "k" },
    });
    expect(await tools.check(cell, await probeBundle({ tenant: null, revision: 4 }))).toMatchObject({ ok: true });
  });

  it("names the check that an archive failed, so that its author can mend it", async () => {
    const { tools, state } = toolsWorld();
    const codeOf = async (archive: Uint8Array, layer: typeof own | typeof cell = own) => {
      const checked = await tools.check(layer, archive);
      return checked.ok ? "fine" : [checked.error.reason, checked.error.code].join(" ");
    };
    const good = await probeBundle({ tenant: "acme", revision: 1 });
    expect(await codeOf(await probeBundle({ tenant: "acme", revision: 1, unsigned: true }))).toBe(
      "bundle_invalid signature_missing",
    );
    expect(await codeOf(await probeBundle({ tenant: "acme", revision: 1, secret: OTHER_SECRET }))).toBe(
      "bundle_invalid signature_invalid",
    );
    expect(await codeOf(await probeBundle({ tenant: "other", revision: 1 }))).toBe("bundle_invalid tenant_mismatch");
    expect(await codeOf(good, cell)).toBe("bundle_invalid layer_mismatch");
    expect(await codeOf(new Uint8Array([1, 2, 3]))).toBe("bundle_invalid not_gzip");
    expect(await codeOf(await probeBundle({ tenant: "acme", revision: 1, claims: { exp: 1 } }))).toBe(
      "bundle_invalid expired",
    );
    state.snapshot = snapshotOf({ "tenants.yml": "tenants: { acme: {} }" });
    expect(await codeOf(good)).toBe("bundle_invalid key_unknown");
  });
});

describe("comparing a candidate", () => {
  it("asks what is in force and the candidate in its layer's place the same questions at the same instant", async () => {
    const { tools, activate } = toolsWorld();
    activate("acme", await probeBundle({ tenant: "acme", revision: 1, name: "old" }), 1);
    const facts = { input: { ...question(), operation: "probe.facts" }, at_ms: 5 };
    const clock = { input: { ...question(), operation: "probe.clock" }, at_ms: 5 };
    const archive = await probeBundle({ tenant: "acme", revision: 2, name: "new" });
    const compared = await tools.compare(TENANT, { layer: "tenant", archive }, [facts, clock]);
    if (!compared.ok) expect.fail(compared.error.code);
    expect(compared.value).toMatchObject({ candidate: { revision: 2 }, complete: 2 });
    expect(
      compared.value.answers.map((answer) => [answer.old, answer.new].map(({ decision }) => decision.reasons)),
    ).toEqual([
      [
        ["tenant_acme_builtin", "tenant_acme_old"],
        ["tenant_acme_builtin", "tenant_acme_new"],
      ],
      [["at_5000000"], ["at_5000000"]],
    ]);
    expect(compared.value.answers[0]?.new.layers.map(({ layer, revision }) => [layer, revision])).toEqual([
      ["cell", 0],
      ["tenant", 2],
    ]);
  });

  it("puts a first bundle where none is, and the cell's where the built-in one is", async () => {
    const { tools } = toolsWorld();
    const deny = { decision: "DENY", reasons: ["late"] };
    for (const layer of ["tenant", "cell"] as const) {
      const archive = await probeBundle({ tenant: layer === "cell" ? null : "acme", revision: 1 });
      const compared = await tools.compare(TENANT, { layer, archive }, asks(allow("fine"), deny));
      expect(compared).toMatchObject({
        value: {
          answers: [
            { index: 0, old: { decision: { decision: "ALLOW" } }, new: { decision: { decision: "ALLOW" } } },
            { index: 1, old: { decision: { decision: "DENY" } }, new: { decision: { decision: "DENY" } } },
          ],
        },
      });
    }
  });

  it("changes nothing, so that trying a policy out is never having it", async () => {
    const { tools, store, decide } = toolsWorld();
    const before = await decide({ operation: "probe.facts" });
    const archive = await probeBundle({ tenant: "acme", revision: 9, name: "tried" });
    await tools.compare(TENANT, { layer: "tenant", archive }, asks(allow("a")));
    expect([...store.archives.keys()]).toEqual([]);
    expect((await decide({ operation: "probe.facts" })).decision).toEqual(before.decision);
  });

  it("stops at its bound on steps and lets others go on meanwhile, so that no candidate takes the cell's time", async () => {
    const { tools, pauses } = toolsWorld();
    const endless = { input: { ...question(), operation: "probe.endless" }, at_ms: 0 };
    const archive = await probeBundle({ tenant: "acme", revision: 1 });
    const many = Array.from({ length: LIMITS.simulationInputsMax }, () => endless);
    const compared = await tools.compare(TENANT, { layer: "tenant", archive }, many);
    if (!compared.ok) expect.fail(compared.error.code);
    const { complete, answers } = compared.value;
    expect(complete).toBe(answers.length);
    expect(complete * 3 * LIMITS.policyStepsMax).toBeLessThanOrEqual(
      LIMITS.simulationStepsMax + 3 * LIMITS.policyStepsMax,
    );
    expect(pauses()).toBe(complete);
    expect(answers[0]?.new.decision).toMatchObject({ decision: "DENY" });
  });

  it("is unavailable when what is in force cannot be read, and never compares with nothing", async () => {
    const { tools, activate, store } = toolsWorld();
    const bundle = await probeBundle({ tenant: "acme", revision: 1 });
    activate("acme", bundle, 1);
    store.archives.clear();
    const asked = tools.compare(TENANT, { layer: "tenant", archive: bundle }, asks(allow("a")));
    await expect(asked).rejects.toBeInstanceOf(PolicyUnavailable);
  });
});

describe("explaining a decision", () => {
  it("gives the recorded answer again, with the rules that held in each layer", async () => {
    const { tools, activate, decideAndRecord } = toolsWorld();
    activate("acme", await probeBundle({ tenant: "acme", revision: 1 }), 1);
    const record = await decideAndRecord({ document: allow("fine") });
    expect(await tools.explain(TENANT, record)).toEqual({
      facts: "same",
      layers: ["cell", "tenant"].map((layer) => ({
        layer,
        explained: "evaluated",
        reproduced: true,
        rules: expect.arrayContaining(["data.bailiwick.decision"]),
        rules_truncated: false,
        failure: null,
      })),
    });
  });

  it("uses the bundles and the instant of the decision, whatever is in force now", async () => {
    const { tools, activate, decideAndRecord, clock } = toolsWorld();
    activate("acme", await probeBundle({ tenant: "acme", revision: 1, name: "then" }), 1);
    const [facts, time] = [
      await decideAndRecord({ operation: "probe.facts" }),
      await decideAndRecord({ operation: "probe.clock" }),
    ];
    clock.advance(60_000);
    activate("acme", await probeBundle({ tenant: "acme", revision: 2, name: "now" }), 2);
    for (const record of [facts, time])
      expect((await tools.explain(TENANT, record)).layers.map(({ reproduced }) => reproduced)).toEqual([true, true]);
    // Another instant is another answer: the comparison sees it.
    const later = { ...time, now_ns: `${clock.now()}000000` };
    expect((await tools.explain(TENANT, later)).layers[0]?.reproduced).toBe(false);
  });

  it("tells its author why a policy could not answer", async () => {
    const { tools, decideAndRecord } = toolsWorld();
    const record = await decideAndRecord({ operation: "probe.conflict" });
    expect((await tools.explain(TENANT, record)).layers).toMatchObject([
      { reproduced: true, failure: { code: "policy_conflict", detail: expect.any(String) } },
    ]);
  });

  it("says what is gone instead of explaining by something else", async () => {
    const { tools, activate, decideAndRecord, store, state } = toolsWorld();
    activate("acme", await probeBundle({ tenant: "acme", revision: 1 }), 1);
    const record = await decideAndRecord({ document: allow("fine") });
    const how = async (of: DecisionRecord) =>
      (await tools.explain(TENANT, of)).layers.map(({ explained }) => explained);
    expect(await how({ ...record, input: null })).toEqual(["input_gone", "input_gone"]);
    const otherRelease = record.layers.map((layer) => ({ ...layer, digest: "sha256:other" }));
    expect(await how({ ...record, layers: otherRelease })).toEqual(["bundle_gone", "bundle_gone"]);
    state.secret = OTHER_SECRET;
    expect(await how(record)).toEqual(["evaluated", "bundle_gone"]);
    state.secret = BUNDLE_SECRET;
    store.archives.clear();
    expect(await how(record)).toEqual(["evaluated", "bundle_gone"]);
    state.snapshot = snapshotOf({ "tenants.yml": "tenants: { acme: {} }" });
    expect((await tools.explain(TENANT, record)).facts).toBe("changed");
  });

  it("reads another tenant's bundles never", async () => {
    const { tools, activate, decideAndRecord } = toolsWorld();
    activate("acme", await probeBundle({ tenant: "acme", revision: 1 }), 1);
    const record = await decideAndRecord({ document: allow("fine") });
    const layers = (await tools.explain(TenantId.parse("other"), record)).layers;
    expect(layers.map(({ explained }) => explained)).toEqual(["evaluated", "bundle_gone"]);
  });
});
