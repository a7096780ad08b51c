import { ConstraintViolation, ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";
import { JobQueueUnavailable } from "../../shared/contracts/ports/job-queue.ts";
import {
  InvalidObjectKey,
  ObjectStoreRefused,
  ObjectStoreUnavailable,
} from "../../shared/contracts/ports/object-store.ts";
import { SignerUnavailable } from "../../shared/contracts/ports/signer.ts";
import { ObjectOverloaded, ObjectUnavailable } from "../runtime/object-class.ts";
import type { ObjectFault } from "./object-call.ts";
import type { RemoteClassName } from "./remote-ports.ts";

/** Errors that ports promise, by name: they have their class again at the edge. */
const PROMISED: Readonly<Record<string, (fault: ObjectFault, options?: ErrorOptions) => Error>> = {
  ObjectOverloaded: ({ message }, options) => new ObjectOverloaded(message, options),
  ObjectUnavailable: ({ message }, options) => new ObjectUnavailable(message, options),
  ControlDbUnavailable: ({ message }, options) => new ControlDbUnavailable(message, options),
  ConstraintViolation: ({ detail = "" }, options) => new ConstraintViolation(detail, options),
  ObjectStoreUnavailable: ({ message }, options) => new ObjectStoreUnavailable(message, options),
  ObjectStoreRefused: ({ message }, options) => new ObjectStoreRefused(message, options),
  InvalidObjectKey: ({ message }, options) => new InvalidObjectKey(message, options),
  JobQueueUnavailable: ({ message }, options) => new JobQueueUnavailable(message, options),
  SignerUnavailable: ({ message }, options) => new SignerUnavailable(message, options),
  RangeError: ({ message }, options) => new RangeError(message, options),
};

/** The objects failed in a way that no port promises; what it was stands in their own log. */
export class ObjectsFailed extends Error {
  override readonly name = "ObjectsFailed";
}

/** What a method threw, for its caller. Only what ports promise keeps its words. */
export function faultOf(cause: unknown): ObjectFault {
  if (!(cause instanceof Error) || !Object.hasOwn(PROMISED, cause.name))
    return { name: "ObjectsFailed", message: "the objects failed" };
  const { name, message } = cause;
  return cause instanceof ConstraintViolation ? { name, message, detail: cause.constraint } : { name, message };
}

export function errorOf(fault: ObjectFault): Error {
  const make = Object.hasOwn(PROMISED, fault.name) ? PROMISED[fault.name] : undefined;
  return make ? make(fault) : new ObjectsFailed(fault.message);
}

/** What each port rejects with while its store is away; nothing is known about the call then. */
const AWAY: { readonly [C in RemoteClassName]: string } = {
  tenant: "ObjectUnavailable",
  session: "ObjectUnavailable",
  task: "ObjectUnavailable",
  batch: "ObjectUnavailable",
  cell: "ObjectUnavailable",
  policy: "ObjectUnavailable",
  control: "ControlDbUnavailable",
  archive: "ObjectStoreUnavailable",
  queue: "JobQueueUnavailable",
  signer: "ObjectUnavailable",
  moves: "ObjectUnavailable",
  host: "ObjectUnavailable",
};

export function awayError(of: RemoteClassName, cause: unknown): Error {
  const fault = { name: AWAY[of], message: "the objects did not answer" };
  return PROMISED[fault.name]?.(fault, { cause }) ?? new ObjectsFailed(fault.message, { cause });
}
