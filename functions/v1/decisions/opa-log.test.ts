import { describe, expect, it } from "vitest";
import { DecisionLogEntry, DecisionLogQuery } from "../../../shared/contracts/http/decisions.ts";
import { DecisionRecord } from "../../../shared/contracts/policy/record.ts";
import { decisionId } from "../../../test/support/policy-fixtures.ts";
import { policyInput } from "../../../test/support/policy-input.ts";
import { logEntry, MASKED } from "./opa-log.ts";

const record = DecisionRecord.parse({
  schema_version: 1,
  id: decisionId(1),
  at_ms: 1_795_000_000_123,
  task: null,
  snapshot: "sha256:0",
  input: policyInput({ markings: ["a", "b"] }),
  action: "inference:invoke",
  operation: "chat.completions.create",
  input_digest: "0".repeat(64),
  now_ns: "1795000000123456789",
  layers: [
    { layer: "cell", version: 0, revision: 0, digest: "sha256:1", decision: "ALLOW", reasons: ["ok"] },
    { layer: "tenant", version: 3, revision: 12, digest: "sha256:2", decision: "DENY", reasons: ["late"] },
  ],
  outcome: {
    decision: "DENY",
    reasons: ["late"],
    obligations: [],
    route: null,
    limits: null,
    acr: null,
    approvals: [],
    throttle: null,
  },
});
const cell = { id: "eu1", release: "0.1.0+sha256:4f" };

describe("an entry of the decision log", () => {
  it("has the members that collectors of OPA's decision log read", () => {
    const entry = logEntry(record, cell, []);
    expect(DecisionLogEntry.parse(entry)).toEqual(entry);
    expect(entry).toEqual({
      labels: { id: "eu1", version: cell.release },
      decision_id: record.id,
      bundles: { cell: { revision: "0" }, tenant: { revision: "12" } },
      path: "bailiwick/decision",
      input: record.input,
      result: record.outcome,
      timestamp: `${new Date(1_795_000_000_123).toISOString().slice(0, -1)}456789Z`,
    });
  });

  it("names what was taken out and holds it nowhere, so that a collector never learns credentials", () => {
    const entry = logEntry(record, cell, MASKED);
    expect(entry.erased).toEqual(["/input/actor/credential", "/input/actor/kid"]);
    expect(JSON.stringify(entry)).not.toContain("4kQ0Zt7bXw2N");
    expect(record.input?.actor.credential).toBe("key:4kQ0Zt7bXw2N");
  });

  it("erases what it is told beside that, keeps the places of elements, and claims nothing it did not find", () => {
    const pointers = ["/input/actor/subject", "/input/markings/0", "/result/reasons", "/input/no", "/input/markings/7"];
    const entry = logEntry(record, cell, [...MASKED, ...pointers, "/input/actor/subject"]);
    expect(entry.erased).toEqual([...MASKED, "/input/actor/subject", "/input/markings/0", "/result/reasons"]);
    expect(entry.input).toMatchObject({ markings: [null, "b"] });
    expect(JSON.stringify(entry)).not.toContain("service:demo");
    expect(entry.result).not.toHaveProperty("reasons");
  });

  it("does not take inherited members for its own", () => {
    const inherited = ["/input/__proto__/x", "/input/constructor", "/result/toString"];
    expect(logEntry(record, cell, inherited)).not.toHaveProperty("erased");
  });

  it("refuses pointers that reach beyond input and result", () => {
    const accepted = (erase: string) => DecisionLogQuery.safeParse({ erase }).success;
    expect(accepted("/input/actor/subject,/result/reasons,/input/a~1b~0c")).toBe(true);
    for (const erase of ["/decision_id", "/input", "input/actor", "", "/input/a,", "/input/a~2", "/inputs/a"])
      expect(accepted(erase), erase).toBe(false);
    expect(accepted(Array(33).fill("/input/a").join(","))).toBe(false);
  });
});
