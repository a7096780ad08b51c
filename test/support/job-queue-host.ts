import { type JobQueue, JobQueueUnavailable, type ReceivedJob } from "../../shared/contracts/ports/job-queue.ts";

type Call =
  | { queue: number; method: "open" }
  | { queue: number; method: "close" }
  | { queue: number; method: "send" | "depth" | "remove"; arg: never }
  | {
      queue: number;
      method: "receive" | "extend" | "bury" | "dead" | "deadLetter" | "purge" | "purgeAll";
      arg: never;
      with: never;
    }
  | { queue: number; method: "redrive"; arg: never; with: { id: string; body?: string } };

/** Queues of another runtime for tests here: each request is one call, over queues that outlive it. */
export function jobQueueHost(open: () => Promise<JobQueue>): (request: Request) => Promise<Response> {
  const queues: JobQueue[] = [];
  return async (request) => {
    // safe because: the only caller is `remoteJobQueue` below
    const call = (await request.json()) as Call;
    try {
      if (call.method === "open") {
        const queue = await open();
        return Response.json({ value: { queue: queues.push(queue) - 1, placement: queue.placement } });
      }
      const queue = queues[call.queue];
      if (queue === undefined) throw new Error("no such queue");
      return Response.json({ value: (await answer(queue, call, request.signal)) ?? null });
    } catch (error) {
      const { name, message, cause } = error instanceof Error ? error : new Error(String(error));
      return Response.json({ name, message: `${message} (${String(cause)})` });
    }
  };
}

function answer(queue: JobQueue, call: Exclude<Call, { method: "open" }>, signal: AbortSignal): Promise<unknown> {
  switch (call.method) {
    case "close":
      return queue.close();
    case "send":
    case "depth":
      return queue[call.method](call.arg);
    case "remove":
      return queue.remove(call.arg);
    case "receive":
      return queue.receive(call.arg, Object.assign(call.with, { signal }));
    case "extend":
      return queue.extend(call.arg, call.with);
    case "bury":
      return queue.bury(call.arg, call.with);
    case "redrive":
      return queue.redrive(call.arg, call.with.id, call.with.body);
    case "dead":
    case "deadLetter":
    case "purge":
    case "purgeAll":
      return queue[call.method](call.arg, call.with);
  }
}

/** One more queue of the host at `url`. */
export async function remoteJobQueue(url: string): Promise<JobQueue> {
  // safe because: the host answers what the port's own methods answered
  const ask = async <T>(body: object, signal?: AbortSignal): Promise<T> => {
    const response = await fetch(url, { method: "POST", body: JSON.stringify(body), signal: signal ?? null });
    const told = (await response.json()) as { value: T } | { name: string; message: string };
    if ("value" in told) return told.value;
    throw told.name === "RangeError" ? new RangeError(told.message) : new JobQueueUnavailable(told.message);
  };
  const { queue, placement } = await ask<{ queue: number; placement: JobQueue["placement"] }>({ method: "open" });
  const call = <T>(method: string, arg?: unknown, more?: unknown, signal?: AbortSignal): Promise<T> =>
    ask<T>({ queue, method, arg, with: more }, signal);
  return {
    placement,
    send: (job) => call("send", job),
    async receive(from, { signal, ...options }) {
      if (signal?.aborted) return [];
      try {
        return await call<ReceivedJob[]>("receive", from, options, signal);
      } catch (error) {
        if (signal?.aborted) return [];
        throw error;
      }
    },
    extend: (job, visibility) => call("extend", job, visibility),
    remove: (job) => call("remove", job),
    bury: (job, reason) => call("bury", job, reason),
    depth: (of) => call("depth", of),
    dead: (of, page) => call("dead", of, page),
    deadLetter: (of, id) => call("deadLetter", of, id),
    redrive: (of, id, body) => call("redrive", of, { id, body }),
    purgeAll: (of, ids) => call("purgeAll", of, ids),
    purge: (of, id) => call("purge", of, id),
    close: () => call("close"),
  };
}
