import { TensorServer, TensorServerLive, TensorServerReady } from "../../../shared/contracts/http/tensor-models.ts";
import { BINARY_EXTENSION } from "../../../shared/oip/wire.ts";
import { readinessOf } from "../cell/health.ts";
import { operation, type Reply, value } from "../operation.ts";
import { modelRead } from "./list.ts";

/** What clients of the Open Inference Protocol ask a server before they ask a model. */
const common = { ...modelRead, problems: [], resource: { kind: "model" } } as const;

export const tensorServer = operation({
  ...common,
  id: "tensors.server",
  path: "/v2",
  success: [200, TensorServer, "The cell as a server of the Open Inference Protocol."],
  summary: "Describe the tensor server",
  execute: (deps) =>
    value({ name: "bailiwick", version: deps.cell.release.split("+")[0] ?? "", extensions: [BINARY_EXTENSION] }),
});

/** As `/healthz`, in the protocol's words. */
export const tensorServerLive = operation({
  ...common,
  id: "tensors.live",
  path: "/v2/health/live",
  action: "cell:health",
  gate: "public",
  success: [200, TensorServerLive, "The process answers."],
  summary: "Liveness of the tensor server",
  resource: { kind: "cell" },
  execute: () => value({ live: true }),
});

/** As `/readyz`, without its names: those are the operators'. */
export const tensorServerReady = operation({
  ...common,
  id: "tensors.ready",
  path: "/v2/health/ready",
  success: [200, TensorServerReady, "The cell takes calls."],
  also: [[503, TensorServerReady, "Something required is missing."]],
  summary: "Readiness of the tensor server",
  async execute(deps): Promise<Reply> {
    const ready = (await readinessOf(deps)).status !== "unready";
    return { kind: "value", status: ready ? 200 : 503, value: { ready } };
  },
});
