import { WORKER_PROTOCOL, WORKER_TOKEN_PROTOCOL } from "../../../shared/contracts/worker-protocol.ts";
import type { CallHeaders } from "../../pipeline/call-headers.ts";
import { ProblemError } from "../../problem.ts";
import { refusedAttempt } from "../identify.ts";
import { NO_INPUT } from "../input.ts";
import { operation } from "../operation.ts";
import { noWorker } from "./no-worker.ts";
import { workerConnection } from "./worker-connection.ts";

const BEARER = /^bearer +(\S+)$/i;

/** In a header, or as a second subprotocol where no header can be sent; never in the address, which is logged. */
function tokenOf(headers: CallHeaders): string | null {
  const offered = (headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
  const named = offered.find((name) => name.startsWith(WORKER_TOKEN_PROTOCOL))?.slice(WORKER_TOKEN_PROTOCOL.length);
  return named ?? BEARER.exec(headers.get("authorization") ?? "")?.[1] ?? null;
}

const speaks = (headers: CallHeaders): boolean =>
  (headers.get("sec-websocket-protocol") ?? "").split(",").some((name) => name.trim() === WORKER_PROTOCOL);

export const connectWorker = operation({
  id: "workers.connect",
  method: "get",
  path: "/v1/workers/connect",
  action: "cell:health",
  gate: "worker",
  credential: "fresh",
  effect: "read",
  retry: "safe",
  ack: "progress",
  kind: "socket",
  ...NO_INPUT,
  success: [101, null, "A WebSocket of the worker protocol.", "application/octet-stream"],
  problems: ["invalid-request"],
  summary: "Connect a pool's worker",
  tag: "Workers",
  resource: { kind: "cell" },
  async execute(deps, { headers, request, runtime }) {
    const token = tokenOf(headers);
    const parts = deps.workers;
    const claims = token === null || parts === null ? null : await parts.tokens.readWorker(token, deps.clock.now());
    if (parts === null || !claims?.ok) throw await refusedAttempt(deps, { request, runtime }, noWorker());
    if (!runtime.upgrade || !speaks(headers))
      throw new ProblemError("invalid-request", {
        detail: `This address speaks WebSocket, subprotocol ${WORKER_PROTOCOL}.`,
      });
    const { tokens, runs, reports } = parts;
    return {
      kind: "socket",
      protocol: WORKER_PROTOCOL,
      accept: (socket) =>
        workerConnection({ deps, tokens, runs, reports, claims: claims.value, defer: runtime.defer }, socket),
    };
  },
});
