import { TASK_SOCKET_PATH, TASK_SOCKET_PROTOCOL } from "../../../shared/contracts/task-socket.ts";
import { speaksTasks } from "../../pipeline/authenticate/offered-credential.ts";
import { ProblemError } from "../../problem.ts";
import { NO_INPUT } from "../input.ts";
import { type Operation, operation } from "../operation.ts";
import { taskSocket } from "./task-socket.ts";

/** Events of many tasks over one connection; each subscription is decided as `tasks.events` is. */
export const connectTaskSocket: Operation = operation({
  id: "tasks.socket",
  method: "get",
  path: TASK_SOCKET_PATH,
  // What it carries is content, as a stored answer is.
  action: "session:read",
  gate: "governed",
  credential: "fresh",
  effect: "read",
  retry: "safe",
  ack: "progress",
  kind: "socket",
  ...NO_INPUT,
  success: [101, null, `A WebSocket, subprotocol \`${TASK_SOCKET_PROTOCOL}\`.`, "application/octet-stream"],
  problems: ["invalid-request", "overloaded"],
  summary: "Follow tasks over a WebSocket",
  tag: "Tasks",
  resource: { kind: "task" },
  execute(deps, call) {
    if (!call.runtime.upgrade || !speaksTasks(call.headers))
      throw new ProblemError("invalid-request", {
        detail: `This address speaks WebSocket, subprotocol ${TASK_SOCKET_PROTOCOL}.`,
      });
    const leave = deps.sockets.enter(call.tenant.id);
    if (leave === null)
      throw new ProblemError("overloaded", { detail: "Too many sockets are open.", retryAfterMs: 1_000 });
    return {
      kind: "socket",
      protocol: TASK_SOCKET_PROTOCOL,
      accept: (socket) => taskSocket({ deps, call, operation: connectTaskSocket, leave }, socket),
    };
  },
});
