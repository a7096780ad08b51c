import { SOCKET_CREDENTIAL_PROTOCOL, TASK_SOCKET_PROTOCOL } from "../../../shared/contracts/task-socket.ts";
import type { CallHeaders } from "../call-headers.ts";

const offered = (headers: CallHeaders): string[] =>
  (headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());

export const speaksTasks = (headers: CallHeaders): boolean => offered(headers).includes(TASK_SOCKET_PROTOCOL);

/** Whether a request asks to become a WebSocket. */
export const asksForSocket = (headers: Pick<CallHeaders, "get">): boolean =>
  headers.get("upgrade")?.toLowerCase() === "websocket";

/**
 * Headers in which a credential that was offered as a subprotocol stands where others have it: browsers can set no header
 * of a WebSocket, and addresses are logged. Beside another credential it is a conflict, as two headers are.
 */
export function withOfferedCredential(headers: CallHeaders): CallHeaders {
  const tokens = offered(headers).filter((name) => name.startsWith(SOCKET_CREDENTIAL_PROTOCOL));
  if (tokens.length === 0) return headers;
  const all = new Headers([...headers]);
  for (const token of tokens) all.append("authorization", `Bearer ${token.slice(SOCKET_CREDENTIAL_PROTOCOL.length)}`);
  return all;
}

/** The headers of a call that may ask for a socket, with its credential where calls have it. */
export const credentialHeaders = (headers: CallHeaders): CallHeaders =>
  asksForSocket(headers) ? withOfferedCredential(headers) : headers;
