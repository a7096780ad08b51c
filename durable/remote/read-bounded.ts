import { err, ok, type Result } from "../../shared/contracts/result.ts";

/**
 * A body whole, up to `bytesMax`. `take` is told of all bytes before they are kept and says whether there is room; `read`
 * is how many it was told of, for whoever gives them back.
 */
export async function readBounded(
  { body, headers }: Request,
  bytesMax: number,
  take: (bytes: number) => boolean,
): Promise<Result<Uint8Array, { reason: "too_large" } | { reason: "full" }> & { read: number }> {
  let read = 0;
  const refused = async (reason: "too_large" | "full") => {
    await body?.cancel();
    return { ...err({ reason }), read };
  };
  if (Number(headers.get("content-length") ?? 0) > bytesMax) return refused("too_large");
  const parts: Uint8Array[] = [];
  if (body !== null) {
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      read += value.byteLength;
      const room = take(value.byteLength);
      if (room && read <= bytesMax) {
        parts.push(value);
        continue;
      }
      await reader.cancel();
      return { ...err({ reason: room ? "too_large" : "full" }), read };
    }
  }
  if (parts.length === 1 && parts[0]) return { ...ok(parts[0]), read };
  const whole = new Uint8Array(read);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return { ...ok(whole), read };
}
