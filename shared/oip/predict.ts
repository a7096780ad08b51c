import { TENSOR_TYPES } from "../contracts/http/predict.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../contracts/json.ts";
import { decodeBase64, encodeBase64 } from "../crypto/log/base64.ts";
import { TensorBroken } from "./broken.ts";
import { checkedTensor, type Datatype, elementsOf, type Tensor } from "./tensor.ts";
import { jsonData, tensorFromJson } from "./tensor-json.ts";
import type { InferAnswer, InferRequest } from "./wire.ts";

/** How an answer's tensors are to travel: as bytes where they were asked for so, else as JSON where JSON has their values. */
export interface Wanted {
  binary(output: string): boolean;
  /** The caller's own, told again. */
  caller_id: string | null;
}

/** A request of the dialect `oip.infer`, its tensors checked. @throws TensorBroken */
export function inferRequestOf(body: JsonObject, id: string): InferRequest & Wanted {
  const inputs = listOf(body.inputs).map(tensorOf);
  const names = new Set(inputs.map(({ name }) => name));
  if (names.size !== inputs.length) throw new TensorBroken("an input is given twice");
  const outputs = listOf(body.outputs).map(({ name }) => String(name));
  const { binary_data_output: _, ...parameters } = isJsonObject(body.parameters) ? body.parameters : {};
  return { id, inputs, outputs, parameters, ...wantedOf(body) };
}

/** The protocol's own words: `binary_data` of an output, `binary_data_output` of a request for those that say nothing. */
export function wantedOf(body: JsonObject): Wanted {
  const all = isJsonObject(body.parameters) && body.parameters.binary_data_output === true;
  const named = new Map<string, JsonValue | undefined>();
  for (const { name, parameters } of listOf(body.outputs))
    named.set(String(name), isJsonObject(parameters) ? parameters.binary_data : undefined);
  return {
    caller_id: typeof body.id === "string" ? body.id : null,
    binary: (output) => {
      const own = named.get(output);
      return typeof own === "boolean" ? own : all;
    },
  };
}

/** One tensor from its JSON form: `data`, or `data_base64` with the bytes as they travel. @throws TensorBroken */
export function tensorOf(given: JsonObject): Tensor {
  const name = String(given.name);
  const datatype = TENSOR_TYPES.find((type) => type === given.datatype);
  if (datatype === undefined) throw new TensorBroken(`the tensor ${name} is of no known type`, name);
  const shape = shapeOf(given);
  if (typeof given.data_base64 === "string") {
    const bytes = decodeBase64(given.data_base64);
    if (bytes === null) throw new TensorBroken(`the tensor ${name} has bytes that are no base64`, name);
    return checkedTensor({ name, datatype, shape, bytes });
  }
  if (!Array.isArray(given.data)) throw new TensorBroken(`the tensor ${name} has no data`, name);
  return tensorFromJson(name, datatype, shape, given.data);
}

function shapeOf({ name, shape }: JsonObject): number[] {
  if (!Array.isArray(shape) || !shape.every((size) => typeof size === "number"))
    throw new TensorBroken(`the tensor ${String(name)} has no shape`, String(name));
  return shape;
}

/** An answer of the dialect `oip.infer`. What JSON has no value for (half precision, NaN, whole numbers past 2^53) travels as bytes. */
export function inferAnswerOf(
  answer: Omit<InferAnswer, "outputs">,
  outputs: Iterable<Tensor>,
  wanted: Wanted,
): JsonObject {
  return {
    model_name: answer.model,
    ...(answer.version === null ? {} : { model_version: answer.version }),
    ...(wanted.caller_id === null ? {} : { id: wanted.caller_id }),
    outputs: Array.from(outputs, (tensor) => tensorMember(tensor, wanted.binary(tensor.name))),
  };
}

function tensorMember(tensor: Tensor, binary: boolean): JsonObject {
  const declared: JsonObject = { name: tensor.name, datatype: tensor.datatype, shape: [...tensor.shape] };
  const data = binary ? null : dataOf(tensor);
  return data === null ? { ...declared, data_base64: encodeBase64(tensor.bytes) } : { ...declared, data };
}

const WITHOUT_JSON: ReadonlySet<Datatype> = new Set(["FP16", "BF16"]);
function dataOf(tensor: Tensor): JsonValue[] | null {
  if (WITHOUT_JSON.has(tensor.datatype)) return null;
  try {
    return jsonData(tensor);
  } catch (thrown) {
    if (thrown instanceof TensorBroken) return null;
    throw thrown;
  }
}

/** Elements of all inputs: what a price per tensor element is about. Zero for shapes that no tensor has. */
export function elementsGiven(body: JsonObject): number {
  try {
    return listOf(body.inputs).reduce((sum, input) => sum + elementsOf(shapeOf(input)), 0);
  } catch (thrown) {
    // Whoever checks the tensors refuses the call.
    if (thrown instanceof TensorBroken) return 0;
    throw thrown;
  }
}

const listOf = (value: JsonValue | undefined): JsonObject[] => (Array.isArray(value) ? value.filter(isJsonObject) : []);
