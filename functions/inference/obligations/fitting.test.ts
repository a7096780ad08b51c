import { describe, expect, it } from "vitest";
import type { Decision, Obligation } from "../../../shared/contracts/decision.ts";
import { candidate, provider } from "../routing.fixture.ts";
import { allDuties, dutiesOf, outputCapOf } from "./duties.ts";
import { bringsTools, fitting, withoutTools } from "./fitting.ts";
import { cappedCandidate } from "./hop-duty.ts";

const local: Obligation = { id: "require_local", params: {} };
const pin: Obligation = { id: "pin_model", params: { model: "b" } };
const cap = (max: number): Obligation => ({ id: "cap_output_tokens", params: { max } });
const decide = (obligations: Obligation[], candidates: Record<string, Obligation[]> = {}): Decision => ({
  decision: "ROUTE",
  reasons: [],
  obligations,
  approvals: [],
  route: { candidates: new Map(Object.entries(candidates)) },
});
const offers = [
  { candidate: candidate("own:a"), provider: provider("own", { locality: "local" }) },
  { candidate: candidate("far:b"), provider: provider("far") },
];
const usable = (decision: Decision, body = {}) => {
  const { usable: left, excluded, broken } = fitting(decision, offers, body);
  return { left: left.map((offer) => offer.candidate.id), excluded: excluded.map(({ reason }) => reason), broken };
};

describe("obligations of a call and of a candidate", () => {
  it("both count for that candidate, each once, so that no layer's demand is lost or done twice", () => {
    const decision = decide([local, cap(9)], { "own:a": [cap(9), pin] });
    expect(dutiesOf(decision, "own:a")).toEqual([local, cap(9), pin]);
    expect(dutiesOf(decision, "far:b")).toEqual([local, cap(9)]);
    expect(allDuties(decision)).toEqual([local, cap(9), pin]);
  });

  it("cap to the lowest, the decision's own limit included", () => {
    const decision = { ...decide([cap(90)], { "own:a": [cap(20)] }), limits: { output_tokens_max: 50 } };
    expect([outputCapOf(decision, "own:a"), outputCapOf(decision, "far:b")]).toEqual([20, 50]);
    expect(outputCapOf(decide([]), "own:a")).toBeNull();
  });

  it("hold a model to the cap also where only its reserve would have been held", () => {
    const call = { decided: { decision: decide([cap(20)]) } } as Parameters<typeof cappedCandidate>[0]; // safe because: only the decision is read
    const { output_tokens_max, reserve_output_tokens } = cappedCandidate(call, candidate("own:a"));
    expect([output_tokens_max, reserve_output_tokens]).toEqual([20, 20]);
  });
});

describe("fitting", () => {
  it("leaves out what an obligation rules out, with the reason, and adds nothing", () => {
    expect(usable(decide([]))).toEqual({ left: ["own:a", "far:b"], excluded: [], broken: null });
    expect(usable(decide([local]))).toMatchObject({ left: ["own:a"], excluded: ["obligation:require_local"] });
    expect(usable(decide([pin]))).toMatchObject({ left: ["far:b"], excluded: ["obligation:pin_model"] });
    expect(usable(decide([], { "far:b": [local] }))).toMatchObject({ left: ["own:a"] });
  });

  it("says what stands against the last one, so that the denial can name it", () => {
    expect(usable(decide([local, pin]))).toMatchObject({ left: [], broken: local });
    expect(usable(decide([{ id: "forbid_content", params: {} }]), { conversation: "conv_1" }).left).toEqual([]);
    expect(usable(decide([{ id: "forbid_content", params: {} }]), { conversation: null }).left).toHaveLength(2);
  });

  it.each(["tools", "functions", "mcp_servers", "web_search_options"])(
    "knows tools by %s, so that no dialect smuggles them past",
    (name) => {
      const body = { [name]: name === "web_search_options" ? {} : [{}] };
      expect(bringsTools(body)).toBe(true);
      expect(usable(decide([{ id: "forbid_tools", params: {} }]), body)).toMatchObject({ left: [] });
      expect(withoutTools({ ...body, tool_choice: "auto", model: "m" })).toEqual({ model: "m" });
    },
  );
});
