import { z } from "zod";
import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { EngineFailed } from "./engine.ts";
import { jsonData, tensorFromJson } from "./oip-json.ts";
import { checkedTensor, DATATYPES, type Datatype, type Tensor } from "./oip-tensor.ts";

/** The binary tensor extension's header: how many bytes of the body are JSON. */
export const HEADER_LENGTH = "inference-header-content-length";

const name = z.string().min(1).max(256);
// safe because: the names are the table's keys
const datatype = z.enum(Object.keys(DATATYPES) as [Datatype, ...Datatype[]]);
const size = z.int().min(-1);

const Declared = z.object({ name, datatype, shape: z.array(size).max(LIMITS.oipRankMax) });
/** A tensor as a model declares it; -1: any size. */
export type Declared = z.infer<typeof Declared>;

/** `GET v2`. */
export const ServerMetadata = z.object({
  name: z.string().max(128),
  version: z.string().max(128),
  extensions: z.array(z.string().max(128)).max(256).default([]),
});
/** `GET v2/models/{model}`. */
export const ModelMetadata = z.object({
  name,
  versions: z.array(z.string()).nullish(),
  platform: z.string().nullish(),
  inputs: z.array(Declared).max(LIMITS.oipTensorsMax).nullish(),
  outputs: z.array(Declared).max(LIMITS.oipTensorsMax).nullish(),
});
export type ModelMetadata = z.infer<typeof ModelMetadata>;

const Output = z.object({
  name,
  datatype,
  shape: z.array(z.int().min(0)).max(LIMITS.oipRankMax),
  data: z.array(z.json()).optional(),
  parameters: z.object({ binary_data_size: z.int().min(0).optional() }).nullish(),
});
const InferAnswer = z.object({
  model_name: name,
  model_version: z.string().nullish(),
  outputs: z.array(Output).max(LIMITS.oipTensorsMax),
});

export interface InferRequest {
  id: string;
  inputs: readonly Tensor[];
  outputs: readonly string[];
}
export interface InferAnswer {
  model: string;
  outputs: Map<string, Tensor>;
}

/** Body and headers of `POST v2/models/{model}/infer`; with `binary`, tensors travel behind the JSON as they are. */
export function encodeInfer({ id, inputs, outputs }: InferRequest, binary: boolean) {
  const head: JsonObject = {
    id,
    inputs: inputs.map((tensor): JsonValue => {
      const declared: JsonObject = { name: tensor.name, datatype: tensor.datatype, shape: [...tensor.shape] };
      return binary
        ? { ...declared, parameters: { binary_data_size: tensor.bytes.length } }
        : { ...declared, data: jsonData(tensor) };
    }),
    outputs: outputs.map(
      (output): JsonValue => ({ name: output, ...(binary ? { parameters: { binary_data: true } } : {}) }),
    ),
  };
  const json = Buffer.from(JSON.stringify(head));
  if (!binary) return { headers: { "content-type": "application/json" }, body: json };
  return {
    headers: { "content-type": "application/octet-stream", [HEADER_LENGTH]: String(json.length) },
    body: Buffer.concat([json, ...inputs.map(({ bytes }) => bytes)]),
  };
}

/** Tensors of an answer, each checked against its own type and shape. @throws EngineFailed */
export function decodeInfer(bytes: Uint8Array, headerLength: string | undefined): InferAnswer {
  const jsonLength = headerLength === undefined ? bytes.length : Number(headerLength);
  if (!Number.isInteger(jsonLength) || jsonLength < 0 || jsonLength > bytes.length)
    throw broken("the answer's JSON has another length than it says");
  const answer = parse(bytes.subarray(0, jsonLength));
  const outputs = new Map<string, Tensor>();
  let at = jsonLength;
  for (const output of answer.outputs) {
    if (outputs.has(output.name)) throw broken(`the answer has ${output.name} twice`);
    const length = output.parameters?.binary_data_size;
    if (length === undefined) {
      const { data } = output;
      if (data === undefined) throw broken(`the answer has no data of ${output.name}`);
      outputs.set(output.name, tensorFromJson(output.name, output.datatype, output.shape, data));
      continue;
    }
    if (at + length > bytes.length) throw broken("the answer ends inside a tensor");
    const { name, datatype, shape } = output;
    outputs.set(name, checkedTensor({ name, datatype, shape, bytes: bytes.subarray(at, at + length) }));
    at += length;
  }
  if (at !== bytes.length) throw broken("the answer has bytes that belong to no tensor");
  return { model: answer.model_name, outputs };
}

function parse(json: Uint8Array): z.infer<typeof InferAnswer> {
  try {
    return InferAnswer.parse(JSON.parse(new TextDecoder().decode(json)));
  } catch (cause) {
    throw broken("the answer is not one of the Open Inference Protocol", { cause });
  }
}

/** Whether a tensor may be given for, or come as, a declared one. */
export const fits = (tensor: Tensor, declared: Declared): boolean =>
  tensor.datatype === declared.datatype &&
  tensor.shape.length === declared.shape.length &&
  declared.shape.every((wanted, i) => wanted === -1 || wanted === tensor.shape[i]);

const broken = (message: string, options?: ErrorOptions): EngineFailed =>
  new EngineFailed({ reason: "failed", message }, options);
