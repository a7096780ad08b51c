import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { type ByteSource, readUpTo } from "../../../shared/contracts/ports/byte-source.ts";
import type { Exchange, ExchangeRequest } from "../../../shared/contracts/ports/egress.ts";
import { type Engine, EngineError } from "../../../shared/contracts/ports/engine.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { TensorBroken } from "../../../shared/oip/broken.ts";
import { inferAnswerOf, inferRequestOf } from "../../../shared/oip/predict.ts";
import { isPinned, modelPath } from "../../../shared/oip/version.ts";
import {
  BINARY_EXTENSION,
  decodeInfer,
  encodeInfer,
  HEADER_LENGTH,
  type InferAnswer,
  ServerMetadata,
} from "../../../shared/oip/wire.ts";
import type { EngineOptions } from "../engine-options.ts";
import { upstreamEngine } from "../upstream/engine.ts";
import { isSuccess } from "../upstream/failure.ts";
import { joinUrl } from "../upstream/spec.ts";

/** The request's id at the server, on its way to where it is written. */
const TASK = "bailiwick_task";
const JSON_TYPE = "application/json";

/**
 * A server of the Open Inference Protocol v2 (Triton, KServe, MLServer) on the direct lane. `base_url` ends before `/v2`.
 * Tensors travel as bytes where the server has the binary extension, which it is asked once; an answer's tensors are
 * checked against their own types and shapes, and its model, with its version where one is pinned, against the one asked.
 */
export function oipEngine(options: EngineOptions): Engine {
  const { provider, egress } = options;
  const base = provider.base_url ?? missing();
  const known: { binary: boolean | null } = { binary: null };
  const wire: EngineOptions = {
    ...options,
    egress: {
      async exchange(url, sent) {
        if (sent.method !== "POST") return egress.exchange(url, sent);
        known.binary ??= await takesBytes(base, options, sent);
        return infer(egress, url, sent, known.binary ?? false);
      },
    },
  };
  return upstreamEngine(wire, {
    capabilities: {
      dialects: ["oip.infer"],
      ...{ streaming: false, tools: false, vision: false, structured_output: false },
      locality: provider.locality,
      cancellation: true,
      synthetic: false,
    },
    target: ({ body, model, task }) => ({
      url: joinUrl(base, `/${modelPath(model)}/infer`),
      body: { ...body, [TASK]: task },
    }),
    headers: (secret) => (secret === null ? {} : { authorization: `Bearer ${secret}` }),
    healthUrl: joinUrl(base, "/v2/health/ready"),
    requestIdHeader: "x-request-id",
  });
}

function missing(): never {
  throw new Error("a server of the Open Inference Protocol without an address");
}

/** Whether the server has the binary tensor extension; one that does not say has not. Null while it does not answer. */
async function takesBytes(
  base: string,
  { egress }: EngineOptions,
  { signal, headers }: ExchangeRequest,
): Promise<boolean | null> {
  const { "content-type": _, ...asked } = headers;
  const exchange = await egress.exchange(joinUrl(base, "/v2"), { method: "GET", headers: asked, body: null, signal });
  const bytes = await readWhole(exchange, LIMITS.engineErrorBytesMax);
  if (!isSuccess(exchange.status)) return null;
  const told = ServerMetadata.safeParse(jsonOf(bytes));
  return told.success && told.data.extensions.includes(BINARY_EXTENSION);
}

/** One inference: the JSON form in, the protocol's on the wire, the JSON form out. Refusals pass as they came. */
async function infer(
  egress: EngineOptions["egress"],
  url: string,
  sent: ExchangeRequest,
  binary: boolean,
): Promise<Exchange> {
  const body = JSON.parse(String(sent.body)) as JsonObject; // safe because: `UpstreamCall` wrote it from an object
  const request = held(() => inferRequestOf(body, String(body[TASK])));
  const encoded = held(() => encodeInfer(request, binary));
  const headers = { ...sent.headers, ...encoded.headers, accept: "application/json, application/octet-stream" };
  const exchange = await egress.exchange(url, { ...sent, headers, body: encoded.body });
  if (!isSuccess(exchange.status)) return exchange;
  const bytes = await readWhole(exchange, LIMITS.engineBodyBytesMax);
  const answer = held(() => decodeInfer(bytes, exchange.headers.get(HEADER_LENGTH) ?? undefined));
  if (!isPinned(String(body.model), answer))
    throw new EngineError({ reason: "model_mismatch", reported: toldOf(answer) });
  const lacking = request.outputs.filter((name) => !answer.outputs.has(name));
  if (lacking.length > 0) throw failed(`the answer lacks ${lacking.join(", ")}`);
  const made = utf8(JSON.stringify(inferAnswerOf(answer, answer.outputs.values(), request)));
  const { status, headers: told } = exchange;
  return {
    ...{ status, ...wholeBody(made) },
    headers: { get: (name) => (name === "content-type" ? JSON_TYPE : told.get(name)) },
  };
}

function wholeBody(bytes: Uint8Array): ByteSource {
  let left: Uint8Array | null = bytes;
  return {
    async read() {
      const part = left;
      left = null;
      return part;
    },
    cancel() {
      left = null;
    },
  };
}

async function readWhole(exchange: Exchange, bytesMax: number): Promise<Uint8Array> {
  const { bytes, whole } = await readUpTo(exchange, bytesMax);
  if (!whole) throw failed("the answer is too large");
  return bytes;
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null; // not of the protocol, so without its extensions
  }
}

const toldOf = ({ model, version }: InferAnswer): string => (version === null ? model : `${model}@${version}`);

const failed = (message: string, cause?: unknown): EngineError =>
  new EngineError({ reason: "failed", status: null, message }, { cause });

/** Tensors that are not what they say, as a failure of the call. */
function held<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw cause instanceof TensorBroken ? failed(cause.message, cause) : cause;
  }
}
