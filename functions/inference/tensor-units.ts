import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import type { UsageRow } from "../../shared/contracts/usage.ts";
import { elementsGiven } from "../../shared/oip/predict.ts";

/**
 * What a call is charged besides tokens, known before it is made: of tensors a step for the call and a point for each
 * element of its inputs, so that what is held is what is charged. Empty on every other surface.
 */
export const unitsOf = (surface: Dialect, body: JsonObject): readonly UsageRow[] =>
  surface === "oip.infer"
    ? [
        { meter: "steps", quantity: 1 },
        { meter: "points", quantity: elementsGiven(body) },
      ]
    : [];
