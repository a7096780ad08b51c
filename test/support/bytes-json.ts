import { Buffer } from "node:buffer";

/** JSON that carries bytes as `{ "$bytes": base64 }`, for calling ports across a test's HTTP boundary. */
export const toBytesJson = (value: unknown): string =>
  JSON.stringify(value, (_name, member: unknown) =>
    member instanceof Uint8Array ? { $bytes: Buffer.from(member).toString("base64") } : member,
  );

export const fromBytesJson = (text: string): unknown =>
  JSON.parse(text, (_name, member: unknown) => {
    if (typeof member !== "object" || member === null || !("$bytes" in member)) return member;
    return new Uint8Array(Buffer.from(String(member.$bytes), "base64"));
  });
