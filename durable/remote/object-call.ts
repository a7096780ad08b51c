import type { JsonValue } from "../../shared/contracts/json.ts";

/** One call of a port's method at one object. `name` names the object within its class; `args` are what follows it. */
export interface ObjectCall {
  of: string;
  name: readonly JsonValue[];
  method: string;
  args: readonly unknown[];
}

/** Why a call has no answer of its port. `detail` is what an error of that name has beside its message. */
export interface ObjectFault {
  name: string;
  message: string;
  detail?: string;
}

/**
 * How one call ended, as far as whoever made it can know. `lost`: no answer came; `ran` false: it was certainly not carried
 * out, so it may be made again whatever it does.
 */
export type CallOutcome =
  | { kind: "answer"; value: unknown }
  | { kind: "fault"; fault: ObjectFault; ran: boolean }
  | { kind: "lost"; ran: "no" | "unknown"; cause: unknown };

/** An answer with bytes behind it, or a fault. Bytes that break off are an error of the stream, never its end. */
export type StreamOutcome =
  | { kind: "stream"; value: unknown; body: ReadableStream<Uint8Array<ArrayBuffer>> }
  | Exclude<CallOutcome, { kind: "answer" }>;

/**
 * The way from callers to objects in another process or thread. It carries calls and says what became of them; what may be
 * made again, and for how long, is its user's.
 */
export interface ObjectTransport {
  /** How many calls it takes at once. */
  readonly callsMax: number;
  /** Calls that travel together, at most `callsMax`; each has its outcome as soon as it has ended. Never rejects. */
  send(calls: readonly ObjectCall[]): Promise<CallOutcome>[];
  /** A call whose answer has bytes behind it, with bytes of its own where `body` is given. Never rejects. */
  open(call: ObjectCall, body: AsyncIterable<Uint8Array> | null): Promise<StreamOutcome>;
}
