import { describe, expect, it } from "vitest";
import type { LabelConfig } from "../../shared/contracts/config/snapshot.ts";
import { CLASSIFICATIONS } from "../../shared/contracts/policy/labels.ts";
import { ProblemError } from "../problem.ts";
import { labelsOf } from "./labels.ts";

const NOTHING: LabelConfig = { classification: null, markings: [], purposes: null };
const source = (members: Partial<LabelConfig>): LabelConfig => ({ ...NOTHING, ...members });
const read = (headers: Record<string, string>, ...sources: (LabelConfig | undefined)[]) =>
  labelsOf(new Headers(headers), sources);
function refusal(headers: Record<string, string>, ...sources: LabelConfig[]): string {
  try {
    read(headers, ...sources);
    return "accepted";
  } catch (thrown) {
    if (thrown instanceof ProblemError) return thrown.slug;
    throw thrown;
  }
}
const classification = (value: string) => ({ "x-bailiwick-classification": value });
const purpose = (value: string) => ({ "x-bailiwick-purpose": value });
const markings = (value: string) => ({ "x-bailiwick-markings": value });

describe("the classification of a call", () => {
  it("is the strictest that tenant and intents say, so that no source can take back another's", () => {
    expect(read({}, undefined, undefined).classification).toBeNull();
    const [loose, strict] = [source({ classification: "internal" }), source({ classification: "restricted" })];
    expect(read({}, loose, strict).classification).toBe("restricted");
    expect(read({}, strict, loose).classification).toBe("restricted");
  });

  it("can be raised by the caller and never lowered, so that a label protects against whoever calls", () => {
    for (const [at, least] of CLASSIFICATIONS.entries())
      for (const [asked, name] of CLASSIFICATIONS.entries())
        expect(refusal(classification(name), source({ classification: least })), `${name} under ${least}`).toBe(
          asked >= at ? "accepted" : "label-lowered",
        );
    expect(read(classification("public"), NOTHING).classification).toBe("public");
  });

  it("is one that everybody knows, so that a slip of the pen is not taken for a low one", () => {
    for (const unknown of ["secret", "Restricted", "", "restricted, public"])
      expect(refusal(classification(unknown), NOTHING), unknown).toBe("invalid-request");
  });
});

describe("the purpose of a call", () => {
  const tenant = source({ purposes: { allowed: ["support", "research"], default: "support" } });
  const intent = source({ purposes: { allowed: ["research", "billing"], default: null } });

  it("is chosen among what every source allows, so that a caller invents none", () => {
    expect(read(purpose("research"), tenant).purpose).toBe("research");
    expect(read(purpose("research"), tenant, intent).purpose).toBe("research");
    for (const other of ["billing", "support"]) expect(refusal(purpose(other), tenant, intent)).toBe("invalid-request");
    expect(refusal(purpose("support"), NOTHING)).toBe("invalid-request");
  });

  it("is the default that is nearest to the call, unless another source forbids it", () => {
    expect(read({}, tenant).purpose).toBe("support");
    expect(read({}, tenant, source({ purposes: { allowed: ["research"], default: "research" } })).purpose).toBe(
      "research",
    );
    expect(read({}, tenant, intent).purpose).toBeNull();
    expect(read({}, NOTHING).purpose).toBeNull();
  });
});

describe("the markings of a call", () => {
  it("are those of all sources and of the caller, so that none is ever taken away", () => {
    const [tenant, intent] = [source({ markings: ["REL-EU"] }), source({ markings: ["PII", "REL-EU"] })];
    expect(read(markings(" NOFORN , PII,"), tenant, intent).markings).toEqual(["NOFORN", "PII", "REL-EU"]);
    expect(read(markings(""), tenant).markings).toEqual(["REL-EU"]);
  });

  it("are bounded in form and number", () => {
    expect(refusal(markings("REL EU"))).toBe("invalid-request");
    expect(refusal(markings(Array.from({ length: 33 }, (_, at) => `m${at}`).join(",")))).toBe("invalid-request");
  });
});
