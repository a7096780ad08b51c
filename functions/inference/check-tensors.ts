import type { JsonObject } from "../../shared/contracts/json.ts";
import { TensorBroken } from "../../shared/oip/broken.ts";
import { inferRequestOf } from "../../shared/oip/predict.ts";
import { ProblemError } from "../problem.ts";
import type { Asked } from "./candidates.ts";

/**
 * Holds each tensor of a request against its own type and shape, before anything is held for it, and answers what
 * engine models are chosen by. Throws `invalid-request`.
 */
export function checkTensors(body: JsonObject): Required<Asked>["tensors"] {
  try {
    const { inputs } = inferRequestOf(body, "");
    return { version: typeof body.model_version === "string" ? body.model_version : null, inputs };
  } catch (thrown) {
    if (!(thrown instanceof TensorBroken)) throw thrown;
    throw new ProblemError("invalid-request", { param: "inputs", detail: `body inputs: ${thrown.message}` });
  }
}
