import { z } from "zod";
import { ResponseObject } from "../../../shared/contracts/http/responses.ts";
import { STORED_READ_OBLIGATIONS } from "../../inference/obligations/carried-out.ts";
import { deliverStored } from "../../inference/obligations/deliver-stored.ts";
import { ProblemError } from "../../problem.ts";
import { NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { backgroundObject, endBackground, findBackground } from "./background.ts";
import { findStored } from "./stored.ts";

/** Ends a background response; one that has ended is answered as it ended, one that never ran so is a 400. */
export const cancelResponse = operation({
  id: "responses.cancel",
  method: "post",
  path: "/v1/responses/{response_id}/cancel",
  action: "session:write",
  gate: "governed",
  credential: "fresh",
  effect: "irreversible-write",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
  params: z.strictObject({ response_id: z.string().max(128) }),
  success: [200, ResponseObject, "The response as it ended."],
  problems: ["not-found", "overloaded", "obligation-failed"],
  summary: "Cancel a background response",
  tag: "Responses",
  resource: { kind: "response", param: "response_id" },
  enforces: STORED_READ_OBLIGATIONS,
  async execute(deps, call) {
    const { response_id: id } = call.params;
    const background = await findBackground(deps, call, id);
    if (background === null) {
      await findStored(deps, call, id);
      const detail = "Only a response that was asked for with `background: true` can be cancelled.";
      throw new ProblemError("invalid-request", { param: "response_id", detail });
    }
    if (background.state.phase !== "done") await endBackground(deps, call, background);
    const after = await findBackground(deps, call, id);
    const object = after === null ? null : await backgroundObject(deps, call, after);
    if (object === null) throw new ProblemError("not-found", { param: "response_id" });
    return value(await deliverStored(deps, call, object));
  },
});
