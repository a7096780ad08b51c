import type { z } from "zod";
import type { Role } from "../../shared/contracts/actor.ts";
import type { JsonValue } from "../../shared/contracts/json.ts";
import type { PolicyCandidate, PolicyFeatures } from "../../shared/contracts/policy/input.ts";
import type { ObligationId } from "../../shared/contracts/policy/obligations.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import type { ProblemSlug } from "../../shared/contracts/problems.ts";
import type { Call, Deps, Socket, SocketHandler, Undecided } from "../context.ts";
import type { CallHeaders } from "../pipeline/call-headers.ts";
import type { LabelSources } from "../pipeline/labels.ts";
import type { ProblemShape } from "../problem.ts";

export type Effect = "read" | "reversible-write" | "irreversible-write" | "ambiguous";
export type Retry = "safe" | "idempotency-key" | "never";
export type Ack = "admission" | "commit" | "progress";
export type Kind = "unary" | "stream" | "upload" | "binary" | "socket";
/**
 * Who may ask: anybody, operators when the cell listens beyond loopback, a credential that policy decides on, or a worker
 * of a pool, whose proof is the operation's own to verify.
 */
export type Gate = "public" | "operations" | "governed" | "worker";

/** JSON, an archive as bytes, or a form that `execute` reads as it arrives (`kind: "upload"`, `call.upload`). */
export type RequestMedia = "application/json" | "application/gzip" | "application/octet-stream" | "multipart/form-data";

/** What `execute` answers: a value for the operation's schema, or bytes that are already in their wire form. */
export type Reply =
  | { kind: "value"; value: unknown; status?: number; headers?: Record<string, string> }
  | {
      kind: "bytes";
      status: number;
      contentType: string;
      body: Uint8Array | ReadableStream<Uint8Array> | string;
      headers?: Record<string, string>;
      /** Of a stream: resolves once it has ended, however it did. The call is measured to there. Never rejects. */
      over?: Promise<"ok" | "error">;
    }
  /** The connection becomes a WebSocket; only where `call.runtime.upgrade` is there. */
  | { kind: "socket"; protocol: string; accept(socket: Socket): SocketHandler };

export const value = (value: unknown, headers?: Record<string, string>): Reply =>
  headers ? { kind: "value", value, headers } : { kind: "value", value };

/** What policy is asked besides the actor and the action. */
export interface Prepared {
  intent: string | null;
  /** What the call's intents say about it. */
  labels: LabelSources;
  candidates: readonly PolicyCandidate[];
  features: PolicyFeatures;
  /** Roles that the call gives to a credential; absent where it gives none. */
  grants?: readonly Role[];
  /** Carried to `execute` as `call.prepared`. */
  carry: unknown;
}

/** Of a call that no model computes. */
export const NOTHING_PREPARED: Prepared = {
  intent: null,
  labels: [],
  candidates: [],
  features: { stream: false, tools: false, images: false, hold_nusd: 0, detected: null },
  carry: undefined,
};

type Schema = z.ZodType;
type Of<S> = S extends z.ZodType<infer T> ? T : undefined;

/** One governed operation: data plus one function. What is required here cannot be forgotten. */
export interface OperationSpec<
  B extends Schema | undefined,
  P extends Schema | undefined,
  Q extends Schema | undefined,
> {
  /** Domain verb, e.g. `keys.rotate`. */
  id: string;
  method: "get" | "post" | "put" | "patch" | "delete";
  /** OpenAPI form: `/v1/keys/{kid}`. */
  path: string;
  /** Further paths of the same operation (Azure's). */
  aliases?: readonly string[];
  /** The last path parameter takes slashes too: it is a path itself. */
  tail?: true;
  /** `<namespace>:<verb>`; the scope of the same name is derived from it. */
  action: string;
  gate: Gate;
  /**
   * How the credential is held against the tenant's object: `compared` by the store that `execute` calls with
   * `call.access`, or `fresh`, read anew by the seam because `execute` calls no such store. Either way a revoked key
   * is refused on the next request.
   */
  credential: "compared" | "fresh";
  effect: Effect;
  retry: Retry;
  ack: Ack;
  kind: Kind;
  /** Request media type; null when the operation takes no body. Bytes have no `body` schema: `execute` reads `call.rawBody`. */
  media: RequestMedia | null;
  /** Another form that the body may come in, told by its headers: read into the JSON form before anything else sees it. */
  framed?: { of(headers: CallHeaders): boolean; read(raw: Uint8Array, headers: CallHeaders): JsonValue };
  bodyBytesMax: number;
  params?: P;
  query?: Q;
  body?: B;
  success: readonly [status: number, schema: Schema | null, description: string, contentType?: string];
  /** Documents that it answers with another status than `success`, such as a readiness that says no. */
  also?: readonly (readonly [status: number, schema: Schema, description: string, contentType?: string])[];
  problems: readonly ProblemSlug[];
  shape?: ProblemShape;
  /** The dialect whose clients call it; without one it is a resource of our own. */
  surface?: Dialect;
  summary: string;
  tag: string;
  /** What the decision is about: resource kind, and the path parameter that names it. */
  resource: { kind: string; param?: string };
  /** Obligations that `execute` carries out by itself. The seam does the others, and what it cannot refuses the call. */
  enforces?: readonly ObligationId[];
  prepare?(deps: Deps, call: Undecided<Of<B>, Of<P>, Of<Q>>): Promise<Prepared> | Prepared;
  execute(deps: Deps, call: Call<Of<B>, Of<P>, Of<Q>>): Promise<Reply> | Reply;
}

export type Operation = OperationSpec<Schema | undefined, Schema | undefined, Schema | undefined>;

/** Declares an operation. The type parameters keep `call.body`, `call.params` and `call.query` exact inside `execute`. */
export function operation<
  B extends Schema | undefined = undefined,
  P extends Schema | undefined = undefined,
  Q extends Schema | undefined = undefined,
>(spec: OperationSpec<B, P, Q>): Operation {
  return spec as unknown as Operation; // safe because: the seam parses body, params and query with these very schemas before `execute`
}
