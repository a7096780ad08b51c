import { z } from "zod";
import { TaskId } from "./ids.ts";
import { LIMITS } from "./limits.ts";
import { DIALECTS } from "./ports/engine.ts";

/** WebSocket subprotocol of `/v1/workers/connect`. Frames are JSON text; bytes travel as base64. */
export const WORKER_PROTOCOL = "bailiwick.worker.v1";
/** Before the token, as a second subprotocol: what opens a WebSocket can often send no header, and an address is logged. */
export const WORKER_TOKEN_PROTOCOL = "bailiwick.token.";

/** Why the cell closed a connection. In the range that every runtime lets a program send. */
export const WORKER_CLOSE = { going: 4000, protocol: 4400, unauthenticated: 4401, unread: 4408 } as const;

const text = (max: number) => z.string().max(max);
const count = z.int().min(0);
const Fence = z.int().min(1);
const Bytes = z.base64().max(LIMITS.workerFrameBytesMax);

/** Body of `POST /v1/workers/token`, which needs no other credential. */
export const WorkerTokenRequest = z
  .strictObject({
    pool: text(LIMITS.queuePoolCharsMax),
    /** Names the worker in logs; who it is stands in the proof. */
    worker: text(128),
    proof: z.discriminatedUnion("kind", [
      /** A token of a registered issuer, such as a projected one of a Kubernetes service account. */
      z.strictObject({ kind: z.literal("service_account"), token: text(8_192) }),
      /** What the embedded cell wrote into its home for workers beside it. */
      z.strictObject({ kind: z.literal("enrolment"), secret: text(256) }),
    ]),
  })
  .meta({
    id: "WorkerTokenRequest",
    example: { pool: "local", worker: "worker-1", proof: { kind: "enrolment", secret: "from-the-home" } },
  });
export type WorkerTokenRequest = z.infer<typeof WorkerTokenRequest>;

export const WorkerToken = z.strictObject({ token: text(8_192), expires_ms: count }).meta({ id: "WorkerToken" });
export type WorkerToken = z.infer<typeof WorkerToken>;

/** What runs behind the worker, as it told the worker. */
export const WorkerEngine = z.strictObject({
  kind: z.enum(["openai", "oip", "synthetic"]),
  version: text(128).nullable(),
  /** Exact model ids that it serves, with the digest of their weights where it is known. */
  models: z.array(z.strictObject({ id: text(256), digest: text(128).nullable() })).max(64),
  dialects: z.array(z.enum(DIALECTS)).max(DIALECTS.length),
  /** Whether it can go on from a delivered prefix. */
  continuation: z.boolean(),
});
export type WorkerEngine = z.infer<typeof WorkerEngine>;

export const WorkerLoad = z.strictObject({
  ready: z.boolean(),
  running: count,
  /** Requests that wait inside the engine. */
  waiting: count,
  concurrency: z.int().min(1).max(4_096),
});
export type WorkerLoad = z.infer<typeof WorkerLoad>;

/** Mirrors `EngineFailure`: nothing of the engine's messages goes further than its reason and status. */
export const WorkerFailure = z.strictObject({
  reason: z.enum([
    "unreachable",
    "overloaded",
    "rejected",
    "unauthorized",
    "failed",
    "timeout",
    "canceled",
    "model_mismatch",
  ]),
  status: z.int().min(100).max(599).nullable(),
  message: text(1_024),
  code: text(128).nullable(),
  param: text(256).nullable(),
  retry_after_ms: count.nullable(),
});
export type WorkerFailure = z.infer<typeof WorkerFailure>;

/** What a worker says. */
export const FromWorker = z.discriminatedUnion("t", [
  /** First frame. `held`: generations of leases before a reconnect, whose chunks it still has from the first on. */
  z.strictObject({
    t: z.literal("hello"),
    schema_version: z.literal(1),
    worker: text(128),
    engine: WorkerEngine,
    load: WorkerLoad,
    held: z
      .array(z.strictObject({ task: TaskId, message: text(65_536), chunks: count, ended: z.boolean() }))
      .max(1_024),
  }),
  /**
   * Asks for the task of a received message; `held`: it has the chunks of this generation already. `delivered`: the
   * queue's name of the message, the same for each delivery, so that of several about one task one becomes a dead letter.
   */
  z.strictObject({
    ...{ t: z.literal("lease"), ref: text(64), message: text(65_536), held: z.boolean() },
    delivered: text(256).optional(),
  }),
  /** The engine accepted the request. */
  z.strictObject({ t: z.literal("head"), task: TaskId, fence: Fence, dialect: z.enum(DIALECTS) }),
  /** Bytes of the engine's answer, cut anywhere; `seq` from 1 without gaps. */
  z.strictObject({ t: z.literal("chunk"), task: TaskId, fence: Fence, seq: z.int().min(1), data: Bytes }),
  z.strictObject({ t: z.literal("end"), task: TaskId, fence: Fence, seq: count }),
  z.strictObject({ t: z.literal("fail"), task: TaskId, fence: Fence, failure: WorkerFailure }),
  z.strictObject({ t: z.literal("load"), load: WorkerLoad }),
  /** A fresh token before the old one ends. */
  z.strictObject({ t: z.literal("auth"), token: text(8_192) }),
  /** Answered by `pong` at once: who hears nothing for a while knows that the connection is dead. */
  z.strictObject({ t: z.literal("ping") }),
  /** It takes no more work and will close once what it runs has ended. */
  z.strictObject({ t: z.literal("leaving") }),
]);
export type FromWorker = z.infer<typeof FromWorker>;

export const LEASE_REFUSALS = [
  "leased",
  "finished",
  "canceled",
  "unknown",
  "exhausted",
  "forbidden",
  "invalid",
  "later",
] as const;

/** What the cell says. */
export const ToWorker = z.discriminatedUnion("t", [
  z.strictObject({ t: z.literal("welcome"), load_every_ms: count, token_until_ms: count }),
  /** The task is this worker's under `fence` until told otherwise; the request is ready for the engine. */
  z.strictObject({
    t: z.literal("leased"),
    ref: text(64),
    task: TaskId,
    fence: Fence,
    deadline_ms: count,
    request: z.strictObject({
      dialect: z.enum(DIALECTS),
      model: text(256),
      stream: z.boolean(),
      body: z.record(z.string(), z.json()),
      traceparent: text(64),
    }),
    /** Chunks that may be sent before more credit comes. */
    credit: count,
  }),
  /** `finished`, `canceled`, `unknown`: remove the message. `exhausted`, `forbidden`, `invalid`: a dead letter. `leased`, `later`: show it again then. */
  z.strictObject({
    t: z.literal("refused"),
    ref: text(64),
    reason: z.enum(LEASE_REFUSALS),
    retry_after_ms: count.nullable(),
  }),
  /** Chunks up to `seq` were taken; `credit` more may follow. */
  z.strictObject({ t: z.literal("credit"), task: TaskId, fence: Fence, seq: count, credit: count }),
  z.strictObject({ t: z.literal("cancel"), task: TaskId, fence: Fence }),
  /** Settled and durable: forget the chunks, remove the message. */
  z.strictObject({ t: z.literal("settled"), task: TaskId, fence: Fence }),
  /** The lease went to somebody else, or the run broke off: stop, keep the message. */
  z.strictObject({ t: z.literal("lost"), task: TaskId, fence: Fence }),
  z.strictObject({ t: z.literal("pong") }),
  z.strictObject({ t: z.literal("drain") }),
]);
export type ToWorker = z.infer<typeof ToWorker>;

/** The message of the job queue. */
export const JobMessage = z.strictObject({
  schema_version: z.literal(1),
  type: z.literal("bailiwick.run.v1"),
  /** EdDSA JWT for this one task; what stands in it is the authority. */
  ticket: text(8_192),
  /** Canonical JSON text of the `CallContext`, whose SHA-256 the ticket names. */
  context: text(32_768),
});
export type JobMessage = z.infer<typeof JobMessage>;
