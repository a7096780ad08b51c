import type { ProviderConfig } from "../../../shared/contracts/config/snapshot.ts";
import { sourceOf } from "../../../shared/contracts/ports/byte-source.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { Exchange } from "../../../shared/contracts/ports/egress.ts";
import { type Dialect, type Engine, EngineError, type EngineRequest } from "../../../shared/contracts/ports/engine.ts";
import type { WorkerChannel, WorkerChannels } from "../../../shared/contracts/ports/worker-channel.ts";
import type { EngineOptions } from "../engine-options.ts";
import { UpstreamCall } from "../upstream/call.ts";
import type { UpstreamSpec } from "../upstream/spec.ts";

export interface PoolEngineOptions {
  provider: ProviderConfig;
  clock: Clock;
  channels: WorkerChannels;
}

/** What workers of ours speak unless the provider says otherwise. */
const DIALECTS: readonly Dialect[] = ["openai.chat", "openai.completions", "openai.embeddings", "oip.infer"];

/**
 * A pool of our own workers as an engine: a request goes to the worker that carries out its task. Time limits, the first
 * frames and the pinned model are held as for any upstream. Without such a worker here it is unreachable, so that the
 * next hop may answer.
 */
export function poolEngine({ provider, clock, channels }: PoolEngineOptions): Engine {
  const pool = provider.pool ?? provider.name;
  const running = new Map<string, UpstreamCall>();
  const capabilities = (synthetic: boolean): UpstreamSpec["capabilities"] => ({
    dialects: provider.dialects ?? DIALECTS,
    streaming: true,
    tools: true,
    vision: true,
    structured_output: true,
    locality: provider.locality,
    cancellation: true,
    synthetic,
  });

  function call(request: EngineRequest, signal: AbortSignal): UpstreamCall {
    const channel = channels.get(request.task);
    const usable = channel?.pool === pool ? channel : null;
    const options: EngineOptions = {
      ...{ provider, clock, secret: null },
      egress: { exchange: (_url, sent) => exchange(usable, request, sent.signal) },
    };
    const spec: UpstreamSpec = {
      capabilities: capabilities(usable?.synthetic ?? false),
      // There is no address: the worker's connection is the way.
      target: ({ body }) => ({ url: "", body }),
      headers: () => ({}),
      healthUrl: "",
      requestIdHeader: "x-request-id",
    };
    const made = new UpstreamCall(request, spec, options, signal, () => {
      if (running.get(request.task) === made) running.delete(request.task);
    });
    running.set(request.task, made);
    return made;
  }

  return {
    id: provider.name,
    describeCapabilities: () => capabilities(false),
    execute: (request, signal) => ({ [Symbol.asyncIterator]: () => call(request, signal) }),
    // Whether workers are there is what the pool's own reports say.
    health: async () => ({ ready: true, reason: null }),
    cancel: (task) => running.get(task)?.cancel(),
  };
}

/** The worker's answer as one of a server. */
async function exchange(channel: WorkerChannel | null, request: EngineRequest, signal: AbortSignal): Promise<Exchange> {
  if (channel === null) throw new EngineError({ reason: "unreachable" });
  const type = request.stream ? "text/event-stream" : "application/json";
  return {
    ...sourceOf(await channel.execute(request, signal)),
    status: 200,
    headers: { get: (name) => (name === "content-type" ? type : null) },
  };
}
