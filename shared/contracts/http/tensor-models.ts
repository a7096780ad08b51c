import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { TENSOR_TYPES } from "./predict.ts";

/** A tensor as a model declares it (Open Inference Protocol v2, "Model Metadata"). */
export const DeclaredTensor = z.strictObject({
  name: z.string().min(1).max(LIMITS.oipNameCharsMax),
  datatype: z.enum(TENSOR_TYPES),
  shape: z.array(z.int().min(-1)).max(LIMITS.oipRankMax).meta({ description: "-1: any size." }),
});
export type DeclaredTensor = z.infer<typeof DeclaredTensor>;

/** `GET /v2`. */
export const TensorServer = z
  .strictObject({ name: z.string(), version: z.string(), extensions: z.array(z.string()) })
  .meta({
    id: "TensorServer",
    example: { name: "bailiwick", version: "0.1.0", extensions: ["binary_tensor_data"] },
  });
export type TensorServer = z.infer<typeof TensorServer>;

/** `GET /v2/health/live`. */
export const TensorServerLive = z
  .strictObject({ live: z.literal(true) })
  .meta({ id: "TensorServerLive", example: { live: true } });

/** `GET /v2/health/ready`. */
export const TensorServerReady = z
  .strictObject({ ready: z.boolean() })
  .meta({ id: "TensorServerReady", example: { ready: true } });

/** `GET /v2/models/{model}`: of the name that callers use. */
export const TensorModel = z
  .strictObject({
    name: z.string(),
    versions: z.array(z.string()).meta({ description: "Those that engine models behind the name are pinned to." }),
    platform: z.string(),
    inputs: z.array(DeclaredTensor).meta({ description: "Empty where the configuration states none." }),
    outputs: z.array(DeclaredTensor),
  })
  .meta({
    id: "TensorModel",
    example: {
      name: "detector",
      versions: ["3"],
      platform: "bailiwick",
      inputs: [{ name: "image", datatype: "FP32", shape: [-1, 3, 224, 224] }],
      outputs: [{ name: "boxes", datatype: "FP32", shape: [-1, 4] }],
    },
  });
export type TensorModel = z.infer<typeof TensorModel>;

/** `GET /v2/models/{model}/ready`. */
export const TensorModelReady = z
  .strictObject({ name: z.string(), ready: z.boolean() })
  .meta({ id: "TensorModelReady", example: { name: "detector", ready: true } });
