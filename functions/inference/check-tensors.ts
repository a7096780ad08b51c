import type { JsonObject } from "../../shared/contracts/json.ts";
import { TensorBroken } from "../../shared/oip/broken.ts";
import { inferRequestOf } from "../../shared/oip/predict.ts";
import { ProblemError } from "../problem.ts";

/** Holds each tensor of a request against its own type and shape, before anything is held for it. Throws `invalid-request`. */
export function checkTensors(body: JsonObject): void {
  try {
    inferRequestOf(body, "");
  } catch (thrown) {
    if (!(thrown instanceof TensorBroken)) throw thrown;
    throw new ProblemError("invalid-request", { param: "inputs", detail: `body inputs: ${thrown.message}` });
  }
}
