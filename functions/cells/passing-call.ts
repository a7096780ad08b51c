import type { CellEntry } from "../../shared/contracts/cell-directory.ts";
import type { Clock, Ids } from "../../shared/contracts/ports/clock.ts";
import { FORWARDING_HEADER, type ForwardingKey, signForwarding } from "../../shared/crypto/forwarding.ts";
import type { Runtime } from "../context.ts";
import type { WatchedCall } from "./entry-watch.ts";
import { requestHeaders } from "./passing-headers.ts";

/** A call as the entry got it. */
export interface Arrival {
  request: Request;
  runtime: Runtime;
  call: WatchedCall;
}
/** Where it goes, and what proves to the cell that it may come from here. */
export interface Destination {
  cell: CellEntry;
  key: ForwardingKey;
  credential: string;
}

const NONCE_CHARS = 22;

/** Address and headers of the call at its cell, with a proof for this call alone. */
export function passing(
  { clock, ids }: { clock: Clock; ids: Pick<Ids, "base62"> },
  { request, runtime, call }: Arrival,
  { cell, key, credential }: Destination,
): { url: string; headers: Headers } {
  const { pathname, search } = new URL(request.url);
  const target = pathname + search;
  const traceparent = call.goesOn(cell);
  const value = signForwarding(
    { cell: cell.id, method: request.method, target, credential, traceparent },
    { client: runtime.source, host: request.headers.get("host") },
    key,
    { nonce: ids.base62(NONCE_CHARS), nowMs: clock.now() },
  );
  const headers = requestHeaders(request.headers, { name: FORWARDING_HEADER, value });
  if (traceparent !== null) headers.set("traceparent", traceparent);
  return { url: cell.base_url + target, headers };
}
