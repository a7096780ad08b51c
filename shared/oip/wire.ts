import { z } from "zod";
import { TENSOR_TYPES } from "../contracts/http/predict.ts";
import type { JsonObject, JsonValue } from "../contracts/json.ts";
import { LIMITS } from "../contracts/limits.ts";
import { TensorBroken } from "./broken.ts";
import { checkedTensor, type Tensor } from "./tensor.ts";
import { jsonData, tensorFromJson } from "./tensor-json.ts";

/** The binary tensor extension's header: how many bytes of the body are JSON. */
export const HEADER_LENGTH = "inference-header-content-length";

/** The binary tensor extension's name in a server's list. */
export const BINARY_EXTENSION = "binary_tensor_data";

const encoder = new TextEncoder();
const name = z.string().min(1).max(LIMITS.oipNameCharsMax);
const datatype = z.enum(TENSOR_TYPES);
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
  /** Names of those wanted; none: all of the model's. */
  outputs: readonly string[];
  /** Of the model, as its server takes them. */
  parameters?: JsonObject;
}
export interface InferAnswer {
  model: string;
  version: string | null;
  outputs: Map<string, Tensor>;
}

/** Body and headers of `POST v2/models/{model}/infer`; with `binary`, tensors travel behind the JSON as they are. */
export function encodeInfer({ id, inputs, outputs, parameters }: InferRequest, binary: boolean) {
  const all = outputs.length === 0;
  const told: JsonObject = { ...parameters, ...(binary && all ? { binary_data_output: true } : {}) };
  const head: JsonObject = {
    id,
    ...(Object.keys(told).length > 0 ? { parameters: told } : {}),
    inputs: inputs.map((tensor): JsonValue => {
      const declared: JsonObject = { name: tensor.name, datatype: tensor.datatype, shape: [...tensor.shape] };
      return binary
        ? { ...declared, parameters: { binary_data_size: tensor.bytes.length } }
        : { ...declared, data: jsonData(tensor) };
    }),
    ...(all
      ? {}
      : {
          outputs: outputs.map(
            (output): JsonValue => ({ name: output, ...(binary ? { parameters: { binary_data: true } } : {}) }),
          ),
        }),
  };
  const json = encoder.encode(JSON.stringify(head));
  if (!binary) return { headers: { "content-type": "application/json" }, body: json };
  return {
    headers: { "content-type": "application/octet-stream", [HEADER_LENGTH]: String(json.length) },
    body: concat([json, ...inputs.map(({ bytes }) => bytes)]),
  };
}

/** One run of bytes. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Tensors of an answer, each checked against its own type and shape. @throws TensorBroken */
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
  return { model: answer.model_name, version: answer.model_version ?? null, outputs };
}

function parse(json: Uint8Array): z.infer<typeof InferAnswer> {
  try {
    return InferAnswer.parse(JSON.parse(new TextDecoder().decode(json)));
  } catch (cause) {
    throw broken("the answer is not one of the Open Inference Protocol", { cause });
  }
}

/** Whether a tensor may be given for, or come as, a declared one. */
export const fits = (tensor: Pick<Tensor, "datatype" | "shape">, declared: Declared): boolean =>
  tensor.datatype === declared.datatype &&
  tensor.shape.length === declared.shape.length &&
  declared.shape.every((wanted, i) => wanted === -1 || wanted === tensor.shape[i]);

const broken = (message: string, options?: ErrorOptions): TensorBroken => new TensorBroken(message, null, options);
