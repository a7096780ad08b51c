import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { configBindings, isConfigPart, joinedConfig } from "./config-bindings.ts";
import { EnvUnusable } from "./env-unusable.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text).length;
const large = JSON.stringify({ "models.yml": "ä€𝄞 a model's line\n".repeat(2_000) });

describe("a configuration in variables", () => {
  it("stands in one where it fits, as it is", () => {
    expect(configBindings('{"models.yml":""}')).toEqual({ BAILIWICK_CONFIG_JSON: '{"models.yml":""}' });
    expect(joinedConfig({ BAILIWICK_CONFIG_JSON: "{}" })).toBe("{}");
    expect(joinedConfig({})).toBeUndefined();
  });

  it("comes back whole from parts that the platform holds, wherever its characters are cut", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), fc.nat(40), (text, times) => {
        const whole = JSON.stringify({ "models.yml": text.repeat(times + 1) });
        const variables = configBindings(whole);
        expect(joinedConfig(variables)).toBe(whole);
        for (const value of Object.values(variables))
          expect(bytesOf(value)).toBeLessThanOrEqual(LIMITS.bindingBytesMax);
      }),
      { numRuns: 30 },
    );
    expect(Object.keys(configBindings(large)).filter(isConfigPart).length).toBeGreaterThan(8);
  });

  it.each([
    ["a missing part", { BAILIWICK_CONFIG_2: undefined }, "BAILIWICK_CONFIG_2"],
    ["a part of another deployment", { BAILIWICK_CONFIG_2: "canary" }, "BAILIWICK_CONFIG_JSON"],
    [
      "fewer parts than were cut",
      { BAILIWICK_CONFIG_JSON: `parts=1 sha256=${"0".repeat(64)}` },
      "BAILIWICK_CONFIG_JSON",
    ],
    [
      "more parts than a cell has",
      { BAILIWICK_CONFIG_JSON: `parts=999 sha256=${"0".repeat(64)}` },
      "BAILIWICK_CONFIG_JSON",
    ],
  ])("is refused with %s, so that half of one is never in force", (_, changed, name) => {
    const read = () => joinedConfig({ ...configBindings(large), ...changed });
    expect(read).toThrow(EnvUnusable);
    expect(read).toThrow(name);
    expect(read).not.toThrow("canary");
  });

  it("that is too large for all of them is refused before it is deployed", () => {
    expect(() => configBindings("x".repeat(LIMITS.bindingBytesMax * LIMITS.configPartsMax + 1))).toThrow(RangeError);
  });
});
