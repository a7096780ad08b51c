import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { AnyJson, ModelName } from "./fields.ts";

/** Element types of the Open Inference Protocol v2, "Tensor Data Types". */
export const TENSOR_TYPES = [
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "BF16",
  "FP32",
  "FP64",
  "BYTES",
] as const;
export type TensorType = (typeof TENSOR_TYPES)[number];

const name = z.string().min(1).max(LIMITS.oipNameCharsMax);
const Parameters = z.record(z.string().max(LIMITS.oipNameCharsMax), z.union([z.string(), z.number(), z.boolean()]));
const shape = z.array(z.int().min(0)).max(LIMITS.oipRankMax);
const base64 = z.string().meta({
  description:
    "Instead of `data`: the elements little-endian and row-major, in base64; those of BYTES behind 4 bytes of length each.",
});
const data = z.array(AnyJson).meta({ description: "Row-major, flat or nested as the shape." });

/** The Open Inference Protocol leaves its form to servers: a number at Triton, any word at others. */
export const ModelVersion = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

/** A tensor as a caller gives it. */
const GivenTensor = z
  .looseObject({
    name,
    datatype: z.enum(TENSOR_TYPES),
    shape,
    data: data.optional(),
    data_base64: base64.optional(),
    parameters: Parameters.optional(),
  })
  .refine((tensor) => (tensor.data === undefined) !== (tensor.data_base64 === undefined), {
    error: "give `data` or `data_base64`",
    path: ["data"],
  });

/** What tensor inference is asked, without its model: the request of the Open Inference Protocol v2. */
export const TensorInput = z.looseObject({
  inputs: z.array(GivenTensor).min(1).max(LIMITS.oipTensorsMax),
  outputs: z
    .array(z.looseObject({ name, parameters: Parameters.optional() }))
    .max(LIMITS.oipTensorsMax)
    .optional()
    .meta({ description: "Those wanted; all of the model's without." }),
  id: z.string().max(LIMITS.oipNameCharsMax).optional(),
  parameters: Parameters.optional(),
});

/** `POST /v1/predict` and `POST /v2/models/{model}[/versions/{version}]/infer`, whose path names both. */
export const PredictRequest = TensorInput.extend({
  model: ModelName.default("auto"),
  model_version: ModelVersion.optional().meta({ description: "Only an engine model that is pinned to this version." }),
}).meta({
  id: "PredictRequest",
  example: {
    model: "tensors",
    inputs: [{ name: "x", datatype: "FP32", shape: [2, 2], data: [1, 2, 3, 4] }],
  },
});
export type PredictRequest = z.infer<typeof PredictRequest>;

const MadeTensor = z.looseObject({
  name,
  datatype: z.enum(TENSOR_TYPES),
  shape,
  data: data.optional(),
  data_base64: base64.optional(),
});

export const PredictResponse = z
  .looseObject({
    model_name: z.string(),
    model_version: z.string().nullish(),
    id: z.string().optional(),
    outputs: z.array(MadeTensor).max(LIMITS.oipTensorsMax),
  })
  .meta({
    id: "PredictResponse",
    example: {
      model_name: "tensors",
      outputs: [{ name: "x", datatype: "FP32", shape: [2, 2], data: [1, 2, 3, 4] }],
    },
  });
export type PredictResponse = z.infer<typeof PredictResponse>;
