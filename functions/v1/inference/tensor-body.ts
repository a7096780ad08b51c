import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { TensorBroken } from "../../../shared/oip/broken.ts";
import { framed, unframed } from "../../../shared/oip/framing.ts";
import { wantedOf } from "../../../shared/oip/predict.ts";
import { HEADER_LENGTH } from "../../../shared/oip/wire.ts";
import { parseBody } from "../../pipeline/body.ts";
import type { CallHeaders } from "../../pipeline/call-headers.ts";
import { ProblemError } from "../../problem.ts";
import type { Reply } from "../operation.ts";

/** Bodies as clients of the Open Inference Protocol send them: tensors behind the JSON, or JSON without a media type. */
export const TENSOR_BODY = {
  of: (headers: CallHeaders): boolean => headers.get(HEADER_LENGTH) !== null || headers.get("content-type") === null,
  /** The JSON form. Throws `ProblemError` for sizes that do not fit. */
  read(raw: Uint8Array, headers: CallHeaders): JsonValue {
    const told = headers.get(HEADER_LENGTH);
    if (told === null) return parseBody(raw);
    const length = /^\d{1,9}$/.test(told) ? Number(told) : Number.NaN;
    if (!(length <= raw.length))
      throw new ProblemError("invalid-request", {
        param: HEADER_LENGTH,
        detail: "Inference-Header-Content-Length says where the JSON of the body ends, at the body's length at most.",
      });
    try {
      return unframed(parseBody(raw.subarray(0, length)), raw.subarray(length));
    } catch (thrown) {
      if (!(thrown instanceof TensorBroken)) throw thrown;
      throw new ProblemError("invalid-request", { param: "inputs", detail: `body: ${thrown.message}` });
    }
  },
};

/** The answer as its caller asked for it: with the tensors behind the JSON that were asked for as bytes. */
export function tensorReply(reply: Reply, asked: JsonObject): Reply {
  if (reply.kind !== "bytes" || reply.status !== 200 || !(reply.body instanceof Uint8Array)) return reply;
  const answer = JSON.parse(new TextDecoder().decode(reply.body)) as JsonObject; // safe because: the relay delivers an object of this dialect
  const made = framed(answer, wantedOf(asked));
  if (made === null) return reply;
  const headers = { ...reply.headers, [HEADER_LENGTH]: String(made.headerLength) };
  return { ...reply, contentType: "application/octet-stream", body: made.body, headers };
}
