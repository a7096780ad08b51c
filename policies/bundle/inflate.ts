import { LIMITS } from "../../shared/contracts/limits.ts";
import { refuse } from "./refusal.ts";

/** Fed in slices: deflate makes at most 1,032 bytes of one, so a slice inflates to 4 MiB before the sum is looked at. */
const SLICE_BYTES = 4_096;

/** The inflated archive. Stops at `policyBundleInflatedBytesMax`, however much more the archive would make. */
export async function inflate(archive: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  if (archive.length > LIMITS.policyBundleBytesMax) refuse({ reason: "too_large", limit: "archive_bytes" });
  const stream = new DecompressionStream("gzip");
  void feed(stream.writable.getWriter(), archive);
  const reader = stream.readable.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > LIMITS.policyBundleInflatedBytesMax) break;
      chunks.push(value);
    }
  } catch {
    refuse({ reason: "not_gzip" });
  } finally {
    // What is left need not be inflated. Not waited for: a runtime may leave the writer of an ended stream waiting.
    void reader.cancel().catch(() => undefined);
  }
  if (length > LIMITS.policyBundleInflatedBytesMax) refuse({ reason: "too_large", limit: "inflated_bytes" });
  return joined(chunks, length);
}

/** Ends when everything is written or the stream is at an end; how it ended is the reader's to tell. */
async function feed(writer: WritableStreamDefaultWriter<BufferSource>, archive: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < archive.length; at += SLICE_BYTES) {
      await writer.ready;
      await writer.write(archive.slice(at, at + SLICE_BYTES));
    }
    await writer.close();
  } catch {
    await writer.abort().catch(() => undefined);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
