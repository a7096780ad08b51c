import { z } from "zod";
import { ModelVersion } from "../../../shared/contracts/http/predict.ts";
import { TensorModel, TensorModelReady } from "../../../shared/contracts/http/tensor-models.ts";
import { versionOf } from "../../../shared/oip/version.ts";
import type { Call, Deps } from "../../context.ts";
import { candidatesFor, type Offer } from "../../inference/candidates.ts";
import { poolRefusalsSeen } from "../../inference/pools/loads.ts";
import { ProblemError } from "../../problem.ts";
import { type Operation, operation, type Reply, value } from "../operation.ts";
import { modelRead } from "./list.ts";
import { aliasesOf, askedBy } from "./offered.ts";

type Asked = Call<undefined, { model: string; version?: string }>;

const common = {
  ...modelRead,
  problems: ["model-not-found"],
  resource: { kind: "model", param: "model" },
} as const;

const model = z.string().min(1).max(256);
const PARAMS = z.strictObject({ model });
const VERSIONED = z.strictObject({ model, version: ModelVersion });

/** Of any version, and of one: the protocol has two paths for each question. */
const twice = (
  id: string,
  suffix: string,
  rest: Pick<Operation, "success" | "also" | "summary"> & {
    execute(deps: Deps, call: Asked): Promise<Reply> | Reply;
  },
): readonly [Operation, Operation] => [
  operation({ ...common, ...rest, id, path: `/v2/models/{model}${suffix}`, params: PARAMS }),
  operation({
    ...common,
    ...rest,
    id: `${id}-version`,
    path: `/v2/models/{model}/versions/{version}${suffix}`,
    summary: `${rest.summary} of one version`,
    params: VERSIONED,
  }),
];

/** A name with an engine model of tensors behind it, as clients of the Open Inference Protocol ask for it. */
export const [getTensorModel, getTensorModelVersion] = twice("tensors.model", "", {
  success: [200, TensorModel, "The model as a caller may use it."],
  summary: "Describe a tensor model",
  execute(_deps, call) {
    const { alias, candidates } = modelOf(call);
    const versions = new Set(candidates.flatMap((one) => versionOf(one.model).version ?? []));
    // Of those that a call may go to, the first is tried first.
    const tensors = candidates.find((one) => one.tensors !== undefined)?.tensors ?? { inputs: [], outputs: [] };
    return value({ name: alias.name, versions: [...versions], platform: "bailiwick", ...tensors });
  },
});

export const [tensorModelReady, tensorModelVersionReady] = twice("tensors.model-ready", "/ready", {
  success: [200, TensorModelReady, "An engine takes its calls."],
  also: [[503, TensorModelReady, "None does now."]],
  summary: "Readiness of a tensor model",
  async execute(deps, call) {
    const { alias } = modelOf(call);
    const ready = await takesCalls(deps, call, alias.name);
    return { kind: "value", status: ready ? 200 : 503, value: { name: alias.name, ready } };
  },
});

/** Throws `model-not-found` for names and versions that no engine model of tensors answers to. */
function modelOf({ snapshot, tenant, params }: Asked) {
  const aliases = aliasesOf({ snapshot, tenant });
  const alias = Object.hasOwn(aliases, params.model) ? aliases[params.model] : undefined;
  const candidates = (alias?.candidates ?? [])
    .flatMap((id) => (Object.hasOwn(snapshot.candidates, id) ? (snapshot.candidates[id] ?? []) : []))
    .filter(({ surfaces }) => surfaces.includes("oip.infer"))
    .filter((one) => params.version === undefined || versionOf(one.model).version === params.version);
  if (alias === undefined || candidates.length === 0)
    throw new ProblemError("model-not-found", { param: params.version === undefined ? "model" : "model_version" });
  return { alias, candidates };
}

/** Whether a call of this caller would find an engine now. Nothing is held or counted for the question. */
async function takesCalls(deps: Deps, call: Asked, name: string): Promise<boolean> {
  const offered = candidatesFor(call.snapshot, call.snapshot.tenants[call.tenant.id] ?? null, {
    ...(await askedBy(deps, call))(name, "oip.infer"),
    tensors: { version: call.params.version ?? null, inputs: null },
  });
  if (!offered.ok) return false;
  const { offers } = offered.value;
  const refusals = await poolRefusalsSeen(deps, call, offers);
  const up = ({ candidate, provider }: Offer): boolean =>
    !refusals.has(candidate.id) && deps.router.breakers.state(provider.name) !== "open";
  return offers.some(up);
}
