import { z } from "zod";
import { TaskId } from "./ids.ts";

/** Where tasks are followed over a WebSocket. */
export const TASK_SOCKET_PATH = "/v1/ws";
/** Its subprotocol. */
export const TASK_SOCKET_PROTOCOL = "bailiwick.tasks.v1";
/** A credential as a second subprotocol, for clients that can set no header. It is never answered with. */
export const SOCKET_CREDENTIAL_PROTOCOL = "bailiwick.bearer.";

/**
 * `going`: connect again, and subscribe behind the last event. `forbidden`: the tenant may not be served now.
 * `unread`: pings were not answered.
 */
export const TASK_SOCKET_CLOSE = {
  going: 4000,
  protocol: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  unread: 4408,
  flooded: 4429,
} as const;

const Ref = z.string().max(64);

/** What a client says. */
export const FromSubscriber = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("subscribe"),
    task: TaskId,
    /** `seq` of the last event that it has. */
    starting_after: z.int().min(0).optional(),
  }),
  z.strictObject({ type: z.literal("unsubscribe"), task: TaskId }),
  /** `id` comes back with the pong. */
  z.strictObject({ type: z.literal("ping"), id: Ref.optional() }),
  /** Of the ping with this id: everything before it was read. */
  z.strictObject({ type: z.literal("pong"), id: Ref.optional() }),
]);
export type FromSubscriber = z.infer<typeof FromSubscriber>;

const Data = z.record(z.string(), z.unknown());

/** What the cell says. Events of one task come in the order of `seq`; `done` and `error` are the last of a task. */
export const ToSubscriber = z.discriminatedUnion("type", [
  z.strictObject({ type: z.enum(["token", "partial", "done", "error"]), task: z.string(), seq: z.int(), data: Data }),
  z.strictObject({ type: z.literal("subscribed"), task: z.string(), starting_after: z.int() }),
  z.strictObject({ type: z.literal("unsubscribed"), task: z.string() }),
  /** No subscription, or no other one; `error` as in every answer of the cell. */
  z.strictObject({
    type: z.literal("refused"),
    task: z.string(),
    status: z.int(),
    error: z.strictObject({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  }),
  /** The events broke off before their end: subscribe again behind the last one. */
  z.strictObject({ type: z.literal("interrupted"), task: z.string() }),
  z.strictObject({ type: z.literal("ping"), id: Ref }),
  z.strictObject({ type: z.literal("pong"), id: Ref.optional() }),
]);
export type ToSubscriber = z.infer<typeof ToSubscriber>;
