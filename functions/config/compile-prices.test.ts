import { expect, it } from "vitest";
import { compileSnapshot } from "./compile.ts";

it("has prices for lines of a batch where a discount is stated, and no others, so that calls never get cheaper by it", () => {
  const compiled = compileSnapshot(
    {
      "providers.yml": {
        providers: { own: { kind: "openai", base_url: "http://10.0.0.1:8000/v1", locality: "local" } },
      },
      "models.yml": {
        models: {
          half: { provider: "own", model: "a", prices: { input: 2, output: 8.000001 }, batch_discount: 0.5 },
          whole: { provider: "own", model: "b", prices: { input: 2, output: 8 } },
        },
      },
    },
    { id: "eu1", jurisdiction: "eu" },
    () => true,
  );
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  const { "own:a": half, "own:b": whole } = compiled.value.candidates;
  expect(half?.prices).toEqual({ tokens_in: 2_000, tokens_cached: 2_000, tokens_out: 8_000.001 });
  expect(half?.batch_prices).toEqual({ tokens_in: 1_000, tokens_cached: 1_000, tokens_out: 4_000.001 });
  expect(whole?.batch_prices).toBeUndefined();
});
