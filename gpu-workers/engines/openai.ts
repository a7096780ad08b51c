import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import type { WorkerEngine } from "../../shared/contracts/worker-protocol.ts";
import { EngineFailed, type EngineLoad, type LocalEngine, type LocalEvent, type LocalRequest } from "./engine.ts";
import { checked } from "./first-bytes.ts";
import { callLocal, readAll, readStart } from "./local-http.ts";
import { sumsOf } from "./prometheus.ts";
import { statusFailure } from "./status-failure.ts";

export interface OpenaiEngineOptions {
  /** The server's root; OpenAI's paths are below `/v1`. */
  url: URL;
  /** Models to offer, with digests of their weights; empty: all that the server lists. */
  models: readonly { id: string; digest: string | null }[];
  /** Empty: those whose paths the server publishes. */
  dialects: readonly Dialect[];
}

const PATHS: Readonly<Partial<Record<Dialect, string>>> = {
  "openai.chat": "v1/chat/completions",
  "openai.responses": "v1/responses",
  "openai.completions": "v1/completions",
  "openai.embeddings": "v1/embeddings",
};
/** For servers that do not publish their paths. */
const USUAL: readonly Dialect[] = ["openai.chat", "openai.completions"];
const MODELS_MAX = 64;

const VLLM_RUNNING = "vllm:num_requests_running";
/** Names of vLLM and of llama.cpp. vLLM renamed its cache's; either may be there. */
const RUNNING = [VLLM_RUNNING, "llamacpp:requests_processing"];
const WAITING = ["vllm:num_requests_waiting", "llamacpp:requests_deferred"];
const CACHE = ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"];
const LOAD_NAMES = new Set([...RUNNING, ...WAITING, ...CACHE]);

const Models = z.object({ data: z.array(z.object({ id: z.string().min(1).max(256) })) });
const Version = z.object({ version: z.string().max(128) });
const Paths = z.object({ paths: z.record(z.string(), z.unknown()) });

/**
 * A server with OpenAI's HTTP interface: vLLM, llama.cpp, and others for what they publish. Answers travel as they come,
 * byte by byte. Load is read from the server's metrics where it tells it there; only vLLM can go on from a delivered prefix.
 */
export function openaiEngine({ url, models: wanted, dialects: named }: OpenaiEngineOptions): LocalEngine {
  const root = new URL(url.pathname.endsWith("/") ? url : `${url}/`);
  /** null until it was described. */
  let known: (WorkerEngine & { vllm: boolean; measured: boolean }) | null = null;

  async function describe(signal: AbortSignal): Promise<WorkerEngine> {
    const listed = Models.parse(await json("v1/models", signal)).data.map(({ id }) => id);
    const missing = wanted.filter(({ id }) => !listed.includes(id));
    if (missing.length > 0) throw new Error(`the engine does not serve ${missing.map(({ id }) => id).join(", ")}`);
    const models = wanted.length > 0 ? [...wanted] : listed.map((id) => ({ id, digest: null }));
    const paths = Paths.safeParse(await json("openapi.json", signal).catch(() => null));
    const dialects = named.length > 0 ? named : paths.success ? spoken(Object.keys(paths.data.paths)) : USUAL;
    const version = Version.safeParse(await json("version", signal).catch(() => null));
    const sums = await metrics(signal);
    const vllm = sums.has(VLLM_RUNNING);
    const told: WorkerEngine = {
      ...{ kind: "openai", version: version.success ? version.data.version : null },
      ...{ models: models.slice(0, MODELS_MAX), dialects: [...dialects], continuation: vllm },
    };
    known = { ...told, vllm, measured: sums.size > 0 };
    return told;
  }

  async function json(path: string, signal: AbortSignal): Promise<unknown> {
    const { status, body } = await callLocal(new URL(path, root), { method: "GET", signal });
    const bytes = await readAll(body, LIMITS.workerProbeBytesMax);
    if (status !== 200) throw new Error(`the engine answered ${status} for ${path}`);
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  async function metrics(signal: AbortSignal): Promise<Map<string, number>> {
    const { status, body } = await callLocal(new URL("metrics", root), { method: "GET", signal });
    const bytes = await readAll(body, LIMITS.workerProbeBytesMax);
    return status === 200 ? sumsOf(new TextDecoder().decode(bytes), LOAD_NAMES) : new Map();
  }

  return {
    describe,

    async load(signal): Promise<EngineLoad> {
      try {
        // A server that lost its model still lists none or does not answer; vLLM's own health call says the same.
        const listed = Models.parse(await json("v1/models", signal)).data.map(({ id }) => id);
        const ready = known?.models.every(({ id }) => listed.includes(id)) ?? false;
        const sums = known?.measured ? await metrics(signal) : new Map<string, number>();
        const first = (names: readonly string[]) =>
          names.map((name) => sums.get(name)).find((value) => value !== undefined);
        return {
          ready,
          running: whole(first(RUNNING)),
          waiting: whole(first(WAITING)) ?? 0,
          cache: first(CACHE) ?? null,
        };
      } catch {
        // Whatever it was, the engine takes no work now; the reason shows in the engine's own log.
        return { ready: false, running: null, waiting: 0, cache: null };
      }
    },

    async *execute(request, signal): AsyncGenerator<LocalEvent, void> {
      const path = PATHS[request.dialect];
      if (path === undefined || !known?.dialects.includes(request.dialect))
        throw new EngineFailed({ reason: "failed", message: `the engine does not speak ${request.dialect}` });
      if (!known.models.some(({ id }) => id === request.model))
        throw new EngineFailed({ reason: "model_mismatch", message: "the engine does not serve the pinned model" });
      const { status, headers, body } = await callLocal(new URL(path, root), {
        method: "POST",
        headers: headersOf(request),
        body: JSON.stringify(bodyFor(request, known.vllm)),
        signal,
      });
      if (status !== 200) throw statusFailure(status, headers, await readStart(body, LIMITS.engineErrorBytesMax));
      const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
      if (type !== undefined && type !== (request.stream ? "text/event-stream" : "application/json"))
        throw new EngineFailed({ reason: "failed", status, message: "the engine answered another content type" });
      let headed = false;
      for await (const raw of checked(body, request.model, request.stream)) {
        // It accepted the request as the pinned model: until then another hop may still be tried.
        if (!headed) yield { kind: "head" };
        headed = true;
        yield { kind: "chunk", raw };
      }
    },
  };
}

const whole = (value: number | undefined): number | null =>
  value === undefined ? null : Math.max(0, Math.round(value));

const headersOf = ({ stream, traceparent }: LocalRequest): Record<string, string> => ({
  "content-type": "application/json",
  accept: stream ? "text/event-stream" : "application/json",
  "accept-encoding": "identity",
  traceparent,
});

/** Dialects whose path is among those that the server publishes. */
function spoken(paths: readonly string[]): Dialect[] {
  // safe because: the keys of PATHS are dialects
  return (Object.keys(PATHS) as Dialect[]).filter((dialect) => paths.includes(`/${PATHS[dialect]}`));
}

/**
 * The body for this server. Only vLLM knows how to go on from a prefix: another would begin a new turn, with other
 * tokens than were delivered. And a cap under a name that a server ignores is none.
 */
function bodyFor({ dialect, body, model, stream }: LocalRequest, vllm: boolean): JsonObject {
  const asked: JsonObject = { ...body, model, ...(stream ? { stream: true } : {}) };
  if (vllm || dialect !== "openai.chat") return asked;
  if (asked.continue_final_message === true)
    throw new EngineFailed({ reason: "failed", message: "the engine cannot go on from a prefix" });
  const { max_completion_tokens: cap, stream_options: options, ...rest } = asked;
  const known: JsonObject = isJsonObject(options) ? { ...rest, stream_options: options } : rest;
  if (typeof cap !== "number") return known;
  return { ...known, max_tokens: typeof rest.max_tokens === "number" ? Math.min(cap, rest.max_tokens) : cap };
}
