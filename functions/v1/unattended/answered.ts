import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Operation, Reply } from "../operation.ts";

/** A reply in its wire form. */
export interface Answer {
  status: number;
  contentType: string;
  stream: boolean;
  body: Uint8Array | ReadableStream<Uint8Array> | string;
  headers: Readonly<Record<string, string>>;
  over: Promise<"ok" | "error"> | null;
}

export const isEventStream = (contentType: string): boolean => contentType.startsWith("text/event-stream");

export function answered(operation: Operation, reply: Reply): Answer {
  if (reply.kind === "socket") throw new Error("a socket has no answer");
  const headers = reply.headers ?? {};
  if (reply.kind === "bytes") {
    const stream = isEventStream(reply.contentType);
    const { status, contentType, body, over } = reply;
    return { status, contentType, stream, body, headers, over: over ?? null };
  }
  const [status, schema] = operation.success;
  const body = schema ? utf8(JSON.stringify(schema.parse(reply.value))) : new Uint8Array();
  return {
    status: reply.status ?? status,
    contentType: "application/json",
    stream: false,
    body,
    headers,
    over: null,
  };
}
