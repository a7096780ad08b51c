import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { PolicyUnavailable } from "../../../shared/contracts/ports/policy.ts";
import { canonicalJson } from "../../../shared/crypto/canonical-json.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { PROBE, policyWorld, question, snapshotOf, TENANT } from "../../../test/support/policy-world.ts";
import { OTHER_SECRET, PROBE_PLAN, probeBundle } from "../../../test/support/probe-bundle.ts";

const allow = { decision: "ALLOW", reasons: ["ok"] };
const deny = (reason: string) => ({ decision: "DENY", reasons: [reason] });

describe("a decision", () => {
  it("says what answered, over what and when, so that it can be explained and made again", async () => {
    const { decide, clock } = policyWorld();
    const decided = await decide({ document: allow });
    expect(decided).toEqual({
      id: expect.stringMatching(/^dec_[0-9A-Za-z]{26}$/),
      decision: { decision: "ALLOW", reasons: ["ok"], obligations: [], approvals: [] },
      layers: [{ layer: "cell", version: 0, revision: 0, digest: PROBE.digest, decision: "ALLOW", reasons: ["ok"] }],
      policy_digest: PROBE.digest,
      // safe because: a question is a document
      input_digest: sha256Hex(canonicalJson(question({ document: allow }) as never)),
      input_json: JSON.stringify(question({ document: allow })),
      now_ns: `${clock.now()}000000`,
    });
    expect((await decide({ operation: "probe.clock" })).decision.reasons).toEqual([`at_${clock.now()}000000`]);
  });

  it("is over the caller's own tenant's facts, so that no policy reads of another", async () => {
    const { decide } = policyWorld();
    for (const tenant of ["acme", "other", "acme"])
      expect((await decide({ tenant, operation: "probe.facts" })).decision.reasons).toEqual([
        `tenant_${tenant}_builtin`,
      ]);
  });

  it("is both layers': the tenant's bundle adds demands and takes none of the cell's away", async () => {
    const { activate, decide } = policyWorld();
    activate("acme", await probeBundle({ tenant: "acme", revision: 4, name: "own" }), 4);
    const decided = await decide({ operation: "probe.facts" });
    expect(decided.decision.reasons).toEqual(["tenant_acme_builtin", "tenant_acme_own"]);
    expect(decided.layers.map(({ layer, version, revision }) => [layer, version, revision])).toEqual([
      ["cell", 0, 0],
      ["tenant", 2, 4],
    ]);
    expect(decided.policy_digest).toBe(decided.layers.map(({ digest }) => digest).join(";"));
    expect((await decide({ tenant: "other", operation: "probe.facts" })).layers).toHaveLength(1);
  });

  it("is the cell's bundle's once its operators put one in force", async () => {
    const { activate, decide, clock, settle } = policyWorld();
    await decide({ operation: "probe.facts" });
    activate(null, await probeBundle({ tenant: null, revision: 1, name: "operators" }), 1);
    clock.advance(LIMITS.policyRenewMs);
    await decide({ operation: "probe.facts" });
    await settle();
    expect((await decide({ operation: "probe.facts" })).decision.reasons).toEqual(["tenant_acme_operators"]);
    activate("acme", await probeBundle({ tenant: "acme", revision: 4, name: "own" }), 4);
    clock.advance(LIMITS.policyRenewMs);
    await decide({ operation: "probe.facts" });
    await settle();
    const { layers } = await decide({ operation: "probe.facts" });
    expect(layers.map(({ layer, revision }) => [layer, revision])).toEqual([
      ["cell", 1],
      ["tenant", 4],
    ]);
  });

  it("is the canary's for its share of the actors, each actor always on the same side", async () => {
    const { store, decide } = policyWorld();
    const [old, fresh] = [
      store.keep(await probeBundle({ tenant: "acme", revision: 1, name: "old" }), 1),
      store.keep(await probeBundle({ tenant: "acme", revision: 2, name: "fresh" }), 2),
    ];
    store.layers.set(TENANT, { version: 2, active: old, canary: { bundle: fresh, percent: 30 } });
    const subjects = Array.from({ length: 60 }, (_, at) => `user-${at}`);
    const sides = async () => {
      const decided = subjects.map((subject) => decide({ operation: "probe.facts", actor: { subject } }));
      return (await Promise.all(decided)).map(({ layers }) => layers[1]?.revision);
    };
    const first = await sides();
    expect(new Set(first)).toEqual(new Set([1, 2]));
    expect(await sides()).toEqual(first);
  });

  it("of many questions is over one state of the policy, in order, and of one tenant alone", async () => {
    const { policy, store } = policyWorld();
    const basis = { tenant_version: 1 };
    const decided = await policy.decideMany([question({ document: allow }), question({ document: deny("x") })], basis);
    expect(decided.map(({ decision }) => decision.decision)).toEqual(["ALLOW", "DENY"]);
    expect(new Set(decided.map(({ id }) => id)).size).toBe(2);
    expect(store.asked).toHaveLength(2);
    expect(await policy.decideMany([], basis)).toEqual([]);
    await expect(policy.decideMany([question(), question({ tenant: "other" })], basis)).rejects.toThrow(
      "several tenants",
    );
  });

  it("waits for nothing once its layers are warm, and asks their objects nothing", async () => {
    const { decide, store } = policyWorld();
    await decide();
    const asked = store.asked.length;
    store.down = new Error("no network");
    let decided = 0;
    for (let calls = 0; calls < 10; calls++) void decide({ document: allow }).then(() => decided++);
    // One turn of the queue of finished work: nothing that waits for I/O would be done.
    await Promise.resolve()
      .then(() => {})
      .then(() => {});
    expect([decided, store.asked.length]).toEqual([10, asked]);
  });

  it("takes a demand for authentication as met by whoever has met it, and by nobody else", async () => {
    const { decide } = policyWorld();
    const document = { decision: "REQUIRE_STEP_UP", reasons: ["step_up"], acr: { values: ["phr"] } };
    expect((await decide({ document })).decision).toMatchObject({
      decision: "REQUIRE_STEP_UP",
      acr: { values: ["phr"] },
    });
    expect((await decide({ document, actor: { acr: "phr" } })).decision.decision).toBe("ALLOW");
  });
});

describe("whatever goes wrong in an evaluation denies, with its code", () => {
  it.each([
    ["no answer", { operation: "probe.silent" }, "policy_undefined"],
    ["two answers", { operation: "probe.conflict" }, "policy_conflict"],
    ["a failing builtin", { operation: "probe.builtin" }, "policy_builtin_error"],
    ["a rule without end", { operation: "probe.endless" }, "policy_step_limit"],
    ["an unknown verb", { document: { decision: "PERMIT", reasons: [] } }, "document_invalid"],
    ["no document", { document: "ALLOW" }, "document_invalid"],
    ["an unknown obligation", { document: { ...allow, obligations: [{ id: "be_nice" }] } }, "obligation_unknown"],
    [
      "an obligation without sense",
      { document: { ...allow, obligations: [{ id: "pin_model" }] } },
      "obligation_invalid",
    ],
  ])("%s", async (_, asked, code) => {
    for (const layer of ["cell", "tenant"]) {
      // One layer fails, the other allows everything.
      const { activate, decide, metrics, logged } = policyWorld(layer === "cell" ? PROBE : ALLOWS);
      const plan = layer === "tenant" ? PROBE_PLAN : ALLOWS.plan;
      activate("acme", await probeBundle({ tenant: "acme", revision: 1, plan }), 1);
      const decided = await decide(asked);
      expect(decided.decision, layer).toMatchObject({ decision: "DENY", reasons: [code] });
      expect(metrics()).toContain(`bailiwick_policy_failures_total{layer="${layer}",code="${code}"} 1`);
      await decide(asked);
      expect(logged.filter((line) => line.includes("policy.failed"))).toHaveLength(1);
    }
  });

  it("an engine that crashes", async () => {
    const { policy, metrics, logged } = policyWorld();
    const broken = question({ document: allow });
    // What no seam makes: a member that is read and throws.
    Object.defineProperty(broken, "operation", {
      enumerable: true,
      get: () => {
        throw new TypeError("broken");
      },
    });
    const { decision, layers } = await policy.decide(broken, { tenant_version: 1 });
    expect([decision.decision, decision.reasons, layers]).toEqual(["DENY", ["policy_error"], []]);
    expect(logged.join()).toContain("policy.crashed");
    expect(metrics()).toContain('bailiwick_policy_decisions_total{layer="both",decision="DENY"} 1');
  });

  it("an input that is no JSON", async () => {
    const { decide } = policyWorld();
    expect((await decide({ intent: "\ud800" })).decision).toMatchObject({
      decision: "DENY",
      reasons: ["policy_error"],
    });
  });
});

describe("there is no decision, rather than one by a policy that is not live,", () => {
  const unavailable = (decision: Promise<unknown>) => expect(decision).rejects.toThrow(PolicyUnavailable);

  it("when the bundle in force is missing at the first look", async () => {
    const { store, decide, policy } = policyWorld();
    store.layers.set(null, { version: 1, active: { revision: 1, digest: `sha256:${"0".repeat(64)}` }, canary: null });
    await unavailable(decide({ document: allow }));
    expect(await policy.ready()).toMatchObject({ ready: false });
  });

  it("when the built-in plan is refused: a statement that nobody knows, another document, or nothing", async () => {
    const unknown = JSON.parse(JSON.stringify(PROBE_PLAN).replace('"IsDefinedStmt"', '"BeliefStmt"'));
    for (const plan of [unknown, {}, null, "plan"]) {
      const { decide, policy } = policyWorld({ ...PROBE, plan });
      await unavailable(decide({ document: allow }));
      expect(await policy.ready()).toMatchObject({ ready: false });
    }
  });

  it.each([
    ["its signature file is gone", { unsigned: true }],
    ["another key signed it", { secret: OTHER_SECRET }],
    ["it is another tenant's", { tenant: "other" }],
    ["it is the cell's", { tenant: null }],
    ["it says another revision than was stated", { revision: 2 }],
    ["it was written for another contract", { claims: { contract: "2.0.0" } }],
    ["its term is over", { claims: { exp: 1 } }],
    [
      "its plan has a statement that nobody knows",
      { plan: JSON.parse(JSON.stringify(PROBE_PLAN).replace('"IsDefinedStmt"', '"BeliefStmt"')) },
    ],
  ])("when a stored bundle does not verify: %s", async (_, spec) => {
    const { activate, decide } = policyWorld();
    activate("acme", await probeBundle({ tenant: "acme", revision: 1, ...spec }), 1);
    await unavailable(decide({ document: allow }));
  });

  it("once the term of a bundle is over, though it was opened before and is stated to be in force", async () => {
    const { activate, decide, clock } = policyWorld();
    const exp = Math.floor(clock.now() / 1000) + 60;
    activate("acme", await probeBundle({ tenant: "acme", revision: 1, claims: { exp } }), 1);
    clock.advance(59_999);
    expect((await decide({ document: allow })).decision.decision).toBe("ALLOW");
    clock.advance(1);
    await unavailable(decide({ document: allow }));
  });

  it("when no key is configured any more, though the bundle was opened before", async () => {
    const { activate, decide, state, clock } = policyWorld();
    activate("acme", await probeBundle({ tenant: "acme", revision: 1 }), 1);
    expect((await decide({ document: allow })).decision.decision).toBe("ALLOW");
    state.snapshot = snapshotOf({ "tenants.yml": "tenants: { acme: {} }" });
    await unavailable(decide({ document: allow }));
    state.snapshot = snapshotOf();
    clock.advance(LIMITS.policyReloadMsMin);
    expect((await decide({ document: allow })).decision.decision).toBe("ALLOW");
  });

  it("when the secret of the only key is not there", async () => {
    const { activate, decide, state } = policyWorld();
    state.secret = null;
    activate("acme", await probeBundle({ tenant: "acme", revision: 1 }), 1);
    await unavailable(decide({ document: allow }));
  });

  it("when one layer of the two is live and the other is not", async () => {
    const { store, decide } = policyWorld();
    store.layers.delete(TENANT);
    await unavailable(decide({ document: allow }));
  });

  it("once the cell's statement has expired, though no bundle was ever put in force", async () => {
    const { store, decide, clock, policy, metrics } = policyWorld();
    await decide({ document: allow });
    expect(await policy.ready()).toEqual({ ready: true, reason: null });
    expect(policy.renewing().ready).toBe(true);
    store.down = new Error("no network");
    clock.advance(LIMITS.policyRenewMs);
    expect((await decide({ document: allow })).decision.decision).toBe("ALLOW");
    await new Promise((resolve) => setImmediate(resolve));
    expect(policy.renewing()).toMatchObject({ ready: false });
    expect(metrics()).toContain('bailiwick_policy_freshness_age_seconds{layer="cell"} 300');
    clock.advance(LIMITS.policyStatementMsMax);
    await unavailable(decide({ document: allow }));
    expect(await policy.ready()).toMatchObject({ ready: false });
    expect(metrics()).toMatch(/bailiwick_policy_loads_total\{layer="cell",outcome="failed"\} [1-9]/);
  });
});

/** Allows whatever it is asked. */
const ALLOWS = {
  data: {},
  digest: "sha256:allows",
  plan: {
    static: {
      strings: [{ value: "result" }, { value: "decision" }, { value: "ALLOW" }, { value: "reasons" }, { value: "ok" }],
      builtin_funcs: [],
      files: [{ value: "allows.rego" }],
    },
    plans: {
      plans: [
        {
          name: "bailiwick/decision",
          blocks: [
            {
              stmts: [
                { type: "MakeObjectStmt", stmt: { target: 2 } },
                {
                  type: "ObjectInsertStmt",
                  stmt: {
                    key: { type: "string_index", value: 1 },
                    value: { type: "string_index", value: 2 },
                    object: 2,
                  },
                },
                { type: "MakeArrayStmt", stmt: { capacity: 1, target: 3 } },
                { type: "ArrayAppendStmt", stmt: { value: { type: "string_index", value: 4 }, array: 3 } },
                {
                  type: "ObjectInsertStmt",
                  stmt: { key: { type: "string_index", value: 3 }, value: { type: "local", value: 3 }, object: 2 },
                },
                { type: "MakeObjectStmt", stmt: { target: 4 } },
                {
                  type: "ObjectInsertStmt",
                  stmt: { key: { type: "string_index", value: 0 }, value: { type: "local", value: 2 }, object: 4 },
                },
                { type: "ResultSetAddStmt", stmt: { value: 4 } },
              ],
            },
          ],
        },
      ],
    },
    funcs: { funcs: [] },
  },
};
