import { z } from "zod";
import type { Alias } from "../../../shared/contracts/config/snapshot.ts";
import { ModelList, ModelObject } from "../../../shared/contracts/http/models.ts";
import type { Call } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { aliasesOf, offers } from "./offered.ts";

const modelObject = (alias: Alias, created: number) => ({
  id: alias.name,
  object: "model",
  created,
  owned_by: alias.owned_by,
});

/** What whoever asks about models shares: it is read, and only by who may know of them. */
export const modelRead = {
  method: "get",
  action: "model:read",
  gate: "governed",
  credential: "fresh",
  effect: "read",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
  tag: "Models",
} as const;

export const listModels = operation({
  ...modelRead,
  id: "models.list",
  path: "/v1/models",
  success: [200, ModelList, "The model names that this caller may use: those with a configured, allowed provider."],
  problems: [],
  summary: "List models",
  resource: { kind: "model" },
  async execute(deps, call) {
    const offered = Object.values(aliasesOf(call)).filter(await offers(deps, call));
    return value({ object: "list", data: offered.map((alias) => modelObject(alias, createdOf(call))) });
  },
});

export const getModel = operation({
  ...modelRead,
  id: "models.get",
  path: "/v1/models/{model}",
  params: z.strictObject({ model: z.string().min(1).max(256) }),
  success: [200, ModelObject, "The model name."],
  problems: ["model-not-found"],
  summary: "Get a model",
  resource: { kind: "model", param: "model" },
  async execute(deps, call) {
    const aliases = aliasesOf(call);
    const alias = Object.hasOwn(aliases, call.params.model) ? aliases[call.params.model] : undefined;
    if (!alias || !(await offers(deps, call))(alias)) throw new ProblemError("model-not-found", { param: "model" });
    return value(modelObject(alias, createdOf(call)));
  },
});

/** OpenAI's `created` has no meaning for an alias: the tenant's own creation, in seconds. */
const createdOf = ({ tenant }: Pick<Call, "tenant">): number => Math.floor(tenant.created_ms / 1000);
