/** Where bytes come from, as they come and as fast as they are asked for. */
export interface ByteSource {
  /**
   * What came since the last read, or the next that comes; null at the end and ever after. The bytes are the reader's own.
   * Rejects when it breaks off.
   */
  read(): Promise<Uint8Array | null>;
  /** Ends it where it is; a pending read ends, one way or the other. */
  cancel(): void;
}

/** A web stream's bytes. */
export function sourceOf(stream: ReadableStream<Uint8Array>): ByteSource {
  const reader = stream.getReader();
  return {
    read: async () => (await reader.read()).value ?? null,
    // What is told to a sender that is left changes nothing for the one who leaves.
    cancel: () => void reader.cancel().catch(() => undefined),
  };
}

/** All of it, or where there is more than `bytesMax` its first bytes; then the rest is not read, and it is not `whole`. */
export async function readUpTo(source: ByteSource, bytesMax: number): Promise<{ bytes: Uint8Array; whole: boolean }> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let part = await source.read(); part !== null; part = await source.read()) {
    parts.push(part);
    size += part.length;
    if (size > bytesMax) {
      source.cancel();
      break;
    }
  }
  const whole = size <= bytesMax;
  const [only] = parts;
  if (whole && parts.length === 1 && only !== undefined) return { bytes: only, whole };
  const bytes = new Uint8Array(Math.min(size, bytesMax));
  let at = 0;
  for (const part of parts) {
    bytes.set(part.subarray(0, bytes.length - at), at);
    at += part.length;
  }
  return { bytes, whole };
}
