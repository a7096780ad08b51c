import { type Egress, EgressRefused } from "../../../shared/contracts/ports/egress.ts";
import { fetchedExchange } from "./fetched-exchange.ts";
import { getThroughHops, postOnce, type SendOnce } from "./hops.ts";
import { isPlainStream, type OpenSocket, socketExchange } from "./socket-exchange.ts";
import { mayName, PUBLIC_ONLY, type TargetRules } from "./target.ts";

/** A binding to a workerd service of kind `network = (allow = ["public"])`, which judges the connected address itself. */
export interface PublicNetwork {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

async function collect(response: Response, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    size += read.value.length;
    if (size > bytesMax) {
      await reader?.cancel();
      throw new EgressRefused(`the answer has more than ${bytesMax} bytes`);
    }
    parts.push(read.value);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

/**
 * Outgoing calls from workerd. Tenant class: only through the public network service, and literals are refused before
 * it is asked. Operator class: the worker's own `fetch`, and where `open` is given a connection of its own for an engine's
 * stream over plain HTTP; redirects handed back.
 */
export function workerdEgress(
  network: PublicNetwork,
  rules: TargetRules = PUBLIC_ONLY,
  open: OpenSocket | null = null,
): Egress {
  const once: SendOnce = async (url, headers, bytesMax, signal, sent) => {
    const message = sent ? { method: "POST", body: sent as BodyInit } : {}; // safe because: bytes are a body
    const response = await network.fetch(url.href, {
      ...message,
      headers: { ...headers },
      redirect: "manual",
      signal,
    });
    return { status: response.status, headers: response.headers, body: await collect(response, bytesMax) };
  };
  const operatorFetch: Egress["operatorFetch"] = (url, init) => fetch(url, { ...init, redirect: "manual" });
  const fetched = fetchedExchange(operatorFetch);
  const overSocket = open === null ? null : socketExchange(open);
  return {
    tenantMayName: (url) => mayName(url, rules),
    tenantGet: (url, bounds) => getThroughHops(url, bounds, rules, once),
    tenantPost: (url, message, bounds) => postOnce(url, message, bounds, rules, once),
    operatorFetch,
    exchange: (url, request) =>
      (overSocket !== null && isPlainStream(url, request) ? overSocket : fetched)(url, request),
  };
}
