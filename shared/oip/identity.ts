import type { JsonObject } from "../contracts/json.ts";
import { inferAnswerOf, inferRequestOf } from "./predict.ts";
import { versionOf } from "./version.ts";

/**
 * What the synthetic engines answer tensors with: each input under its own name, or under the names that outputs were
 * asked by, in order. @throws TensorBroken
 */
export function identityAnswer(body: JsonObject, model: string): JsonObject {
  const request = inferRequestOf(body, "");
  const { name, version } = versionOf(model);
  const names = request.outputs.length > 0 ? request.outputs : request.inputs.map((input) => input.name);
  const outputs = names.flatMap((output, index) => {
    const input = request.inputs[index];
    return input === undefined ? [] : [{ ...input, name: output }];
  });
  return { ...inferAnswerOf({ model: name, version }, outputs, request), synthetic: true };
}
