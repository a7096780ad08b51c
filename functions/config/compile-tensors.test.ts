import { expect, it } from "vitest";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { snapshotCompiler } from "./compiler.ts";

const compile = (provider: JsonObject, model: JsonObject) =>
  snapshotCompiler({
    cell: { id: "local", jurisdiction: "local" },
    secretsPresent: () => true,
    variable: () => null,
  })({
    "providers.yml": { providers: { p: provider } },
    "models.yml": { models: { m: { provider: "p", model: "m", ...model } } },
  });
const problems = (provider: JsonObject, model: JsonObject) => {
  const compiled = compile(provider, model);
  return compiled.ok ? [] : compiled.error.map(({ path, message }) => `${path} ${message}`);
};
const KSERVE = { kind: "oip", base_url: "https://models.example.com" };
const TENSORS = { capabilities: ["predict"], prices: { step: "0.001", point: "0.000000001" } };

it("a model of tensors has a price by call and element, and needs none of tokens", () => {
  const compiled = compile(KSERVE, TENSORS);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  expect(compiled.value.snapshot.candidates["p:m"]).toMatchObject({
    ...{ surfaces: ["oip.infer"], prices: { steps: 1_000_000, points: 1 }, output_tokens_max: 0 },
  });
});

it("a model of tensors keeps what it declares to take and answer", () => {
  const tensors = {
    inputs: [{ name: "x", datatype: "FP32", shape: [-1, 3] }],
    outputs: [{ name: "y", datatype: "INT64", shape: [-1] }],
  };
  const compiled = compile(KSERVE, { ...TENSORS, tensors });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  expect(compiled.value.snapshot.candidates["p:m"]?.tensors).toEqual(tensors);
});

it.each([
  [
    "tensors of a model that takes none",
    { kind: "synthetic" },
    {
      ...{ capabilities: ["chat"], prices: "none" },
      tensors: {
        inputs: [{ name: "x", datatype: "FP32", shape: [1] }],
        outputs: [{ name: "x", datatype: "FP32", shape: [1] }],
      },
    },
    "capabilities lack predict",
  ],
  ["an engine of words", { kind: "openai", base_url: "https://api.example.com" }, TENSORS, "does not answer oip.infer"],
  ["words of an engine of tensors", KSERVE, { capabilities: ["chat"], prices: "none" }, "answers tensors alone"],
  ["dialects of an engine that has one", { ...KSERVE, dialects: ["oip.infer"] }, TENSORS, "speaks oip.infer alone"],
  [
    "no price of tokens beside words",
    { kind: "synthetic" },
    { capabilities: ["chat"], prices: { step: "1" } },
    "USD per million input tokens",
  ],
])("%s is refused when the configuration is read, not when somebody calls", (_, provider, model, told) => {
  expect(problems(provider, model).join("\n")).toContain(told);
});
