import type { JsonObject } from "../contracts/json.ts";
import { inferAnswerOf, inferRequestOf } from "./predict.ts";

/**
 * What the synthetic engines answer tensors with: each input under its own name, or under the names that outputs were
 * asked by, in order. @throws TensorBroken
 */
export function identityAnswer(body: JsonObject, model: string): JsonObject {
  const request = inferRequestOf(body, "");
  const names = request.outputs.length > 0 ? request.outputs : request.inputs.map(({ name }) => name);
  const outputs = names.flatMap((name, index) => {
    const input = request.inputs[index];
    return input === undefined ? [] : [{ ...input, name }];
  });
  return { ...inferAnswerOf({ model, version: null }, outputs, request), synthetic: true };
}
