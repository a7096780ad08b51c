import { LIMITS } from "../../shared/contracts/limits.ts";
import { ProblemError } from "../problem.ts";

/**
 * A body as it arrives, at most `bytesMax`, never held as a whole. Throws `body-too-large`, `unsupported-media-type` for a
 * compressed one, `request-timeout` when it stalls or takes longer than an upload may, `canceled` when it breaks off.
 */
export async function* uploadOf(
  request: Request,
  bytesMax: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity")
    throw new ProblemError("unsupported-media-type", {
      detail: "Compressed request bodies are not accepted.",
      param: "content-encoding",
    });
  const tooLarge = () => new ProblemError("body-too-large", { detail: `The body may have at most ${bytesMax} bytes.` });
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > bytesMax) throw tooLarge();
  if (request.body === null) return;
  const reader = request.body.getReader();
  let size = 0;
  let whole = false;
  let late = false;
  let idle: ReturnType<typeof setTimeout> | undefined;
  const giveUp = () => {
    late = true;
    void reader.cancel().catch(() => undefined);
  };
  const total = setTimeout(giveUp, LIMITS.uploadMsMax);
  try {
    for (;;) {
      idle = setTimeout(giveUp, LIMITS.uploadIdleMsMax);
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new ProblemError("canceled", {}, { cause });
      });
      clearTimeout(idle);
      if (late) throw new ProblemError("request-timeout");
      if (done) {
        whole = true;
        return;
      }
      size += value.byteLength;
      if (size > bytesMax) throw tooLarge();
      yield value;
    }
  } finally {
    clearTimeout(idle);
    clearTimeout(total);
    if (!whole) void reader.cancel().catch(() => undefined);
  }
}
