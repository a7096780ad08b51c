import { describe, expect, it } from "vitest";
import { tenantState } from "../../test/support/identity.ts";
import { pinOf, privacyUnder } from "./pinned.ts";

const pin = (privacy: "local-only" | "hybrid" | "allow-api" | null) => ({
  privacy,
  jurisdictions: null,
  providers: null,
});
const under = (tenant: "local-only" | "hybrid" | "allow-api", own: ReturnType<typeof pin>) => {
  const state = tenantState("acme");
  return privacyUnder({ pins: { research: own }, settings: { ...state.settings, privacy: tenant } }, "research");
};

describe("the privacy of a pinned workspace", () => {
  it("is the stricter one of its tenant's and its own, also where the tenant became stricter than the pin", () => {
    expect(under("allow-api", pin("local-only"))).toBe("local-only");
    expect(under("allow-api", pin("hybrid"))).toBe("hybrid");
    expect(under("local-only", pin("allow-api"))).toBe("local-only");
    expect(under("hybrid", pin(null))).toBe("hybrid");
  });

  it("is the tenant's for every other workspace, whatever its name", () => {
    const state = { ...tenantState("acme"), pins: { research: pin("local-only") } };
    for (const name of ["default", "constructor", "__proto__"]) {
      expect(pinOf(state, name)).toBeNull();
      expect(privacyUnder(state, name)).toBe(state.settings.privacy);
    }
  });
});
