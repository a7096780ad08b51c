import { LIMITS } from "../../shared/contracts/limits.ts";
import { TensorBroken } from "../../shared/oip/broken.ts";
import type { Tensor } from "../../shared/oip/tensor.ts";
import { isPinned, modelPath } from "../../shared/oip/version.ts";
import {
  BINARY_EXTENSION,
  decodeInfer,
  encodeInfer,
  fits,
  HEADER_LENGTH,
  type InferAnswer,
  type InferRequest,
  ModelMetadata,
  ServerMetadata,
} from "../../shared/oip/wire.ts";
import { EngineFailed } from "./engine.ts";
import { callLocal, readAll, readStart } from "./local-http.ts";
import { statusFailure } from "./status-failure.ts";

export interface OipServer {
  name: string;
  version: string;
  /** Whether tensors travel as they are. */
  binary: boolean;
}

/** The Open Inference Protocol v2 over HTTP, as Triton, KServe and MLServer speak it. Calls reject with `EngineFailed`. */
export class OipClient {
  readonly #root: URL;

  constructor(url: URL) {
    this.#root = new URL(url.pathname.endsWith("/") ? url : `${url}/`);
  }

  /** Whether the server, and every given model on it, takes requests. */
  async ready(models: readonly string[], signal: AbortSignal): Promise<boolean> {
    const paths = ["v2/health/ready", ...models.map((model) => `${modelPath(model)}/ready`)];
    for (const path of paths) {
      const { status, body } = await callLocal(new URL(path, this.#root), { method: "GET", signal });
      await readAll(body, LIMITS.workerProbeBytesMax);
      if (status !== 200) return false;
    }
    return true;
  }

  async server(signal: AbortSignal): Promise<OipServer> {
    const { name, version, extensions } = ServerMetadata.parse(await this.#json("v2", signal));
    return { name, version, binary: extensions.includes(BINARY_EXTENSION) };
  }

  async model(model: string, signal: AbortSignal): Promise<ModelMetadata> {
    return ModelMetadata.parse(await this.#json(modelPath(model), signal));
  }

  /**
   * One inference. Inputs are held against what the model declares before anything is sent, outputs before they are
   * answered: a tensor of another type or shape is never taken for the one that was meant.
   */
  async infer(
    model: string,
    metadata: ModelMetadata,
    request: InferRequest,
    options: { binary: boolean; traceparent: string; signal: AbortSignal },
  ): Promise<InferAnswer> {
    hold(request.inputs, metadata.inputs ?? [], "takes no");
    const { headers, body } = whole(() => encodeInfer(request, options.binary));
    const answer = await callLocal(new URL(`${modelPath(model)}/infer`, this.#root), {
      method: "POST",
      headers: { ...headers, traceparent: options.traceparent },
      body,
      signal: options.signal,
    });
    if (answer.status !== 200)
      throw statusFailure(answer.status, answer.headers, await readStart(answer.body, LIMITS.engineErrorBytesMax));
    const bytes = await readAll(answer.body, LIMITS.engineBodyBytesMax);
    const length = answer.headers[HEADER_LENGTH];
    const decoded = whole(() => decodeInfer(bytes, typeof length === "string" ? length : undefined));
    if (!isPinned(model, decoded)) throw new EngineFailed({ reason: "model_mismatch", message: toldOf(decoded) });
    const missing = request.outputs.filter((name) => !decoded.outputs.has(name));
    if (missing.length > 0) throw broken(`the answer lacks ${missing.join(", ")}`);
    hold([...decoded.outputs.values()], metadata.outputs ?? [], "answers no");
    return decoded;
  }

  async #json(path: string, signal: AbortSignal): Promise<unknown> {
    const { status, body } = await callLocal(new URL(path, this.#root), { method: "GET", signal });
    const bytes = await readAll(body, LIMITS.workerProbeBytesMax);
    if (status !== 200) throw broken(`the engine answered ${status} for ${path}`);
    return JSON.parse(new TextDecoder().decode(bytes));
  }
}

const toldOf = ({ model, version }: InferAnswer): string => (version === null ? model : `${model}@${version}`);
const broken = (message: string): EngineFailed => new EngineFailed({ reason: "failed", message });

/** Tensors that are not what they say, as a failure of the call. */
function whole<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw cause instanceof TensorBroken
      ? new EngineFailed({ reason: "failed", message: cause.message }, { cause })
      : cause;
  }
}

/** @throws EngineFailed for a tensor that is not declared, or declared otherwise. */
function hold(tensors: readonly Tensor[], declared: NonNullable<ModelMetadata["inputs"]>, verb: string): void {
  for (const tensor of tensors) {
    const wanted = declared.find(({ name }) => name === tensor.name);
    if (wanted === undefined || !fits(tensor, wanted))
      throw broken(`the model ${verb} ${tensor.name} of ${tensor.datatype} [${tensor.shape.join(", ")}]`);
  }
}
