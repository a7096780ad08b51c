import { LIMITS } from "../../shared/contracts/limits.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { Result } from "../../shared/contracts/result.ts";
import { encodeLogItem } from "../task/watching/log-wire.ts";
import { faultOf } from "./faults.ts";
import type { CallOutcome, ObjectCall, StreamOutcome } from "./object-call.ts";
import { isRemoteClass, methodKind, REMOTE_CLASSES, type RemotePorts } from "./remote-ports.ts";

type Outcome = Exclude<CallOutcome, { kind: "lost" }>;

export interface CallServer {
  /** Carries out one call. Never rejects. */
  call(call: ObjectCall): Promise<Outcome>;
  /** As `call`, of a method with bytes behind its answer or behind the call. */
  open(call: ObjectCall, body: AsyncIterable<Uint8Array> | null): Promise<Exclude<StreamOutcome, { kind: "lost" }>>;
}

const refused = (name: string, message: string) => ({ kind: "fault", fault: { name, message }, ran: false }) as const;

/**
 * Serves ports to callers in another process. Only methods that the table knows, over objects named as their class names
 * them; `onFailure` hears of what no port promises, which its caller is not told.
 */
export function serveCalls(
  ports: RemotePorts,
  onFailure: (cause: unknown, call: Pick<ObjectCall, "of" | "method">) => void,
): CallServer {
  type Method = (...args: unknown[]) => Promise<unknown>;

  function find({ of, name, method }: ObjectCall): Method | null {
    if (!isRemoteClass(of) || methodKind(of, method) === null) return null;
    if (name.length !== REMOTE_CLASSES[of].names) return null;
    const port = ports[of] as unknown as Readonly<Record<string, Method>>; // safe because: the table has methods of this port only
    const found = port[method];
    return typeof found === "function" ? found.bind(port) : null;
  }

  async function carriedOut<T>(
    call: ObjectCall,
    work: () => Promise<T>,
  ): Promise<T | Extract<Outcome, { kind: "fault" }>> {
    try {
      return await work();
    } catch (cause) {
      const fault = faultOf(cause);
      if (fault.name === "ObjectsFailed") onFailure(cause, call);
      // What was turned away at an object's door did not run.
      return { kind: "fault", fault, ran: fault.name !== "ObjectOverloaded" };
    }
  }

  const unknown = ({ of, method }: ObjectCall) =>
    refused("ObjectUnavailable", `these objects have no ${of.slice(0, 32)}.${method.slice(0, 32)}`);

  return {
    async call(call) {
      const kind = methodKind(call.of, call.method);
      const method = kind === "stream" || kind === "upload" ? null : find(call);
      if (method === null) return unknown(call);
      return carriedOut(call, async () => ({
        kind: "answer",
        value: await method(...call.name, ...call.args),
      }));
    },
    async open(call, body) {
      const method = find(call);
      if (method === null) return unknown(call);
      return carriedOut(call, async (): Promise<Exclude<StreamOutcome, { kind: "lost" }>> => {
        switch (`${call.of}.${call.method}`) {
          case "task.watchLog":
            return streamed(await method(...call.name, ...call.args), (items) => encodedItems(items));
          case "archive.getStream":
            return streamedBody(await ports.archive.getStream(...(call.args as Parameters<ObjectStore["getStream"]>))); // safe because: the store checks key and options
          case "archive.putStream": {
            const [key, options] = call.args as [string, Parameters<ObjectStore["putStream"]>[2]]; // safe because: as above
            return {
              kind: "stream",
              value: await ports.archive.putStream(key, body ?? none(), options),
              body: empty(),
            };
          }
          default:
            return unknown(call);
        }
      });
    },
  };
}

type Streamed = Extract<StreamOutcome, { kind: "stream" }>;

function streamed(answer: unknown, bytes: (items: ReadableStream<never>) => Streamed["body"]): Streamed {
  const result = answer as Result<ReadableStream<never>, unknown>; // safe because: the port's method answered it
  return result.ok
    ? { kind: "stream", value: { ok: true, value: null }, body: bytes(result.value) }
    : { kind: "stream", value: result, body: empty() };
}

function streamedBody(answer: Awaited<ReturnType<ObjectStore["getStream"]>>): Streamed {
  if (!answer.ok) return { kind: "stream", value: answer, body: empty() };
  const { body, ...state } = answer.value;
  return { kind: "stream", value: { ok: true, value: state }, body };
}

/** Log items as bytes, read only as fast as they are taken; cancelling stops the watching. */
function encodedItems(items: ReadableStream<never>): Streamed["body"] {
  const reader = items.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(encodeLogItem(value));
      },
      cancel: (cause) => reader.cancel(cause),
    },
    { highWaterMark: 0 },
  );
}

const empty = (): Streamed["body"] => new ReadableStream({ start: (controller) => controller.close() });
async function* none(): AsyncGenerator<Uint8Array> {}

/** Whether bytes that came over a connection are calls; what is in them is their port's to judge. */
export function readCalls(value: unknown): ObjectCall[] | null {
  if (!Array.isArray(value) || value.length === 0 || value.length > LIMITS.remoteCallsMax) return null;
  const calls: ObjectCall[] = [];
  for (const item of value) {
    if (!Array.isArray(item) || item.length !== 4) return null;
    const [of, name, method, args] = item;
    if (typeof of !== "string" || typeof method !== "string" || !Array.isArray(name) || !Array.isArray(args))
      return null;
    calls.push({ of, name, method, args });
  }
  return calls;
}

export const writtenCall = ({ of, name, method, args }: ObjectCall): unknown[] => [of, name, method, args];
