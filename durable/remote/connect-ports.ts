import { LIMITS } from "../../shared/contracts/limits.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { LogItem } from "../../shared/contracts/ports/task-log.ts";
import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import { ok, type Result } from "../../shared/contracts/result.ts";
import { logItems } from "../task/watching/log-wire.ts";
import { shedding } from "../tenant/shedding.ts";
import { CallQueue } from "./call-queue.ts";
import { awayError } from "./faults.ts";
import type { ObjectCall, ObjectTransport } from "./object-call.ts";
import { type Patience, patiently } from "./patient-calls.ts";
import { type CellFacts, methodKind, REMOTE_CLASSES, type RemoteClassName, type RemotePorts } from "./remote-ports.ts";

/** Objects answer within one commit of a disk; what is behind other ports may take seconds, and holds up nobody. */
const JOINED: ReadonlySet<string> = new Set<RemoteClassName>(["tenant", "session", "task", "batch", "cell", "policy"]);

type Watch = TaskStore["watchLog"];
/** What `facts` says of both, without which neither port is whole. */
type Placements = Pick<CellFacts, "archive" | "queue">;

/**
 * The ports over objects in another process. Calls of one tick travel together; one that is lost is made again where that
 * is safe (see `MethodKind`), and a log is watched on from where its stream broke off.
 */
export function connectPorts(transport: ObjectTransport, patience: Patience, placements: Placements): RemotePorts {
  const queue = new CallQueue(transport);

  async function ask(call: ObjectCall): Promise<unknown> {
    const alone = !JOINED.has(call.of) || methodKind(call.of, call.method) === "waits";
    // What ran is recorded even if that takes a while: its caller has an answer to wait for, and its tenant the charge.
    const settles = call.of === "tenant" && call.method === "settle" && patience.waitMsMax === undefined;
    const outcome = await patiently(
      call,
      async () => (alone ? await sentAlone(transport, call) : queue.call(call)),
      settles ? { ...patience, waitMsMax: LIMITS.remoteSettleMsMax } : patience,
    );
    return outcome.value;
  }

  function port<C extends RemoteClassName>(of: C): RemotePorts[C] {
    const { names, methods } = REMOTE_CLASSES[of];
    const made = Object.keys(methods).map((method) => [
      method,
      (...args: unknown[]) =>
        ask({ of, name: args.slice(0, names) as ObjectCall["name"], method, args: trimmed(args.slice(names)) }), // safe because: ids and layers are JSON
    ]);
    return Object.fromEntries(made) as unknown as RemotePorts[C]; // safe because: the table has every method of the port
  }

  async function open(call: ObjectCall, body: AsyncIterable<Uint8Array> | null) {
    return patiently(call, () => transport.open(call, body), patience);
  }

  const tenant = port("tenant");
  return {
    tenant: {
      ...tenant,
      admit: (name, requests) => shedding(requests, () => tenant.admit(name, requests)),
    },
    session: port("session"),
    task: {
      ...port("task"),
      watchLog: (...args) => watching((call) => open(call, null), patience, ...args),
    },
    batch: port("batch"),
    cell: port("cell"),
    policy: port("policy"),
    control: port("control"),
    archive: { ...port("archive"), ...archiveStreams(open), placement: placements.archive },
    queue: { ...port("queue"), placement: placements.queue, close: async () => {} },
    signer: port("signer"),
    moves: port("moves"),
    host: port("host"),
  };
}

type Open = (
  call: ObjectCall,
  body: AsyncIterable<Uint8Array> | null,
) => Promise<{ value: unknown; body: ReadableStream<Uint8Array<ArrayBuffer>> }>;

const sentAlone = (transport: ObjectTransport, call: ObjectCall) => {
  const [outcome] = transport.send([call]);
  return outcome ?? Promise.reject(new Error("a transport answered nothing"));
};

/** Optional arguments at the end that nobody gave. */
function trimmed(args: unknown[]): unknown[] {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  return args.slice(0, count);
}

function archiveStreams(open: Open): Pick<ObjectStore, "getStream" | "putStream"> {
  const call = (method: string, args: unknown[]): ObjectCall => ({ of: "archive", name: [], method, args });
  return {
    async getStream(...args) {
      const { value, body } = await open(call("getStream", trimmed(args)), null);
      const found = value as Awaited<ReturnType<ObjectStore["getStream"]>>; // safe because: the store answered it, but for its body
      return found.ok ? ok({ ...found.value, body: faultsNamed(body) }) : found;
    },
    async putStream(key, source, options) {
      // Nothing is left of what its source broke off, and the caller hears why.
      const watched = failing(source);
      try {
        const { value } = await open(call("putStream", trimmed([key, options])), watched.source);
        return value as Awaited<ReturnType<ObjectStore["putStream"]>>; // safe because: the store answered it
      } catch (cause) {
        const failure = watched.failure();
        throw failure === null ? cause : failure.cause;
      }
    },
  };
}

function failing(source: AsyncIterable<Uint8Array>) {
  let failure: { cause: unknown } | null = null;
  async function* watched() {
    try {
      yield* source;
    } catch (cause) {
      failure = { cause };
      throw cause;
    }
  }
  return { source: watched(), failure: () => failure as { cause: unknown } | null }; // safe because: it is set inside the generator
}

/** Bytes whose break is told as the object store tells it. */
const faultsNamed = (body: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> => {
  const reader = body.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (cause) {
          throw awayError("archive", cause);
        }
      },
      cancel: (cause) => reader.cancel(cause),
    },
    { highWaterMark: 0 },
  );
};

/**
 * Watches a log to its end. Where the stream breaks off it is opened again behind the last frame that came, and the head
 * is given once: readers miss nothing and see nothing twice while objects restart.
 */
async function watching(
  open: (call: ObjectCall) => ReturnType<Open>,
  { pause }: Patience,
  ...args: Parameters<Watch>
): ReturnType<Watch> {
  const [tenant, task, after] = args;
  let next = after + 1;
  let headed = false;
  const begin = async (): Promise<Result<ReadableStreamDefaultReader<LogItem>, WatchRefusal>> => {
    const { value, body } = await open({ of: "task", name: [tenant, task], method: "watchLog", args: [next - 1] });
    const answer = value as Awaited<ReturnType<Watch>>; // safe because: the task's object answered it, but for its stream
    return answer.ok ? ok(logItems(body).getReader()) : answer;
  };
  const first = await begin();
  if (!first.ok) return first;
  let items = first.value;
  let stopped = false;
  let breaks = 0;

  async function item(): Promise<LogItem | null> {
    for (;;) {
      try {
        const { done, value } = await items.read();
        if (!done) {
          breaks = 0;
          return value;
        }
        // Only a log's own end ends it.
        throw new Error("the log broke off");
      } catch (cause) {
        if (stopped) return null;
        if (++breaks > LIMITS.remoteBreaksMax) throw cause;
        await pause(LIMITS.remoteRetryMsMin * breaks);
        const again = await begin();
        if (!again.ok) throw new Error(`the log is not kept any more: ${again.error.reason}`, { cause });
        items = again.value;
      }
    }
  }

  return ok(
    new ReadableStream<LogItem>(
      {
        async pull(controller) {
          for (;;) {
            const found = await item();
            if (found === null) return;
            if (found.kind === "head") {
              if (headed) continue;
              headed = true;
            } else if (found.kind === "part") next = Math.max(next, found.part.from + found.part.frames);
            else if (found.kind === "live") next = Math.max(next, found.live.from + found.live.frames.length);
            controller.enqueue(found);
            if (found.kind !== "end") return;
            controller.close();
            await items.cancel();
            return;
          }
        },
        cancel(cause) {
          stopped = true;
          return items.cancel(cause);
        },
      },
      { highWaterMark: 0 },
    ),
  );
}

type WatchRefusal = Extract<Awaited<ReturnType<Watch>>, { ok: false }>["error"];
