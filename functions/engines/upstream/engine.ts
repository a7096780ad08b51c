import type { Engine } from "../../../shared/contracts/ports/engine.ts";
import type { EngineOptions } from "../engine-options.ts";
import { UpstreamCall } from "./call.ts";
import { isSuccess, networkFailure } from "./failure.ts";
import type { UpstreamSpec } from "./spec.ts";

/** An engine over HTTP. Holds no state but the calls that run. */
export function upstreamEngine(options: EngineOptions, spec: UpstreamSpec): Engine {
  const running = new Map<string, Set<UpstreamCall>>();
  return {
    id: options.provider.name,
    describeCapabilities: () => spec.capabilities,
    execute: (request, signal) => ({
      [Symbol.asyncIterator]() {
        const calls = running.get(request.task) ?? new Set();
        const call: UpstreamCall = new UpstreamCall(request, spec, options, signal, () => {
          calls.delete(call);
          if (calls.size === 0) running.delete(request.task);
        });
        calls.add(call);
        running.set(request.task, calls);
        return call;
      },
    }),
    health: (signal) => health(options, spec, signal),
    cancel(task) {
      for (const call of running.get(task) ?? []) call.cancel();
    },
  };
}

/** Ready when the upstream answers at all and takes our credential; servers without a model list answer 404. */
async function health(
  options: EngineOptions,
  spec: UpstreamSpec,
  signal: AbortSignal,
): Promise<{ ready: boolean; reason: string | null }> {
  const limit = AbortSignal.timeout(options.provider.connect_timeout_ms);
  try {
    const answer = await options.egress.exchange(spec.healthUrl, {
      ...{ method: "GET", headers: spec.headers(options.secret), body: null },
      signal: AbortSignal.any([signal, limit]),
    });
    answer.cancel();
    const { status } = answer;
    if (isSuccess(status) || status === 404 || status === 405) return { ready: true, reason: null };
    return { ready: false, reason: `status ${status}` };
  } catch (error) {
    if (limit.aborted) return { ready: false, reason: "timeout" };
    return { ready: false, reason: networkFailure(error).reason };
  }
}
