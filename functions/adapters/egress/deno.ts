import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { LookupFunction } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Egress, EgressRefused } from "../../../shared/contracts/ports/egress.ts";
import { addressFamily } from "./address.ts";
import { type GetAnswer, getThroughHops, postOnce, type SendOnce } from "./hops.ts";
import { hostExchange } from "./host-exchange.ts";
import { bareHost, mayName, PUBLIC_ONLY, type TargetRules } from "./target.ts";

/** All addresses of a name. */
export type ResolveName = (hostname: string, family: number) => Promise<LookupAddress[]>;

export interface HostEgressOptions {
  rules?: TargetRules;
  /** Name resolution; the system's by default. */
  resolve?: ResolveName;
}

const HTTPS_PORT = 443;
const systemResolve: ResolveName = (hostname, family) => lookup(hostname, { all: true, family });
const FAMILIES: Readonly<Record<string, number>> = { IPv4: 4, IPv6: 6 };

/** All addresses of a name must be permitted: one private address among public ones is an attack or an accident. */
function guardedLookup(rules: TargetRules, resolve: ResolveName): LookupFunction {
  return (hostname, wanted, callback) => {
    const family = typeof wanted.family === "string" ? (FAMILIES[wanted.family] ?? 0) : (wanted.family ?? 0);
    resolve(hostname, family).then(
      (found) => {
        const [first] = found;
        if (first === undefined || !found.every(({ address }) => rules.permits(address)))
          callback(new EgressRefused(`${hostname} is not at a public address`), "");
        else if (wanted.all === true) callback(null, found);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ""),
    );
  };
}

function collect(response: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let size = 0;
    response.on("data", (part: Uint8Array) => {
      size += part.length;
      if (size > bytesMax) response.destroy(new EgressRefused(`the answer has more than ${bytesMax} bytes`));
      else parts.push(part);
    });
    response.on("end", () => resolve(new Uint8Array(Buffer.concat(parts))));
    response.on("error", reject);
    response.on("close", () => reject(new Error("the connection closed before the answer was complete")));
  });
}

function headersOf(response: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < response.rawHeaders.length; at += 2)
    headers.append(response.rawHeaders[at] ?? "", response.rawHeaders[at + 1] ?? "");
  return headers;
}

/** One connection for one request, never pooled: a pool would hand out a connection that this check did not make. */
function sendOnce(rules: TargetRules, options: HostEgressOptions): SendOnce {
  const guarded = guardedLookup(rules, options.resolve ?? systemResolve);
  return (url, headers, bytesMax, signal, sent) =>
    new Promise<GetAnswer>((resolve, reject) => {
      const host = bareHost(url.hostname);
      // `node:https` would read the machine's certificate store by itself, which the embedded cell's permissions refuse.
      const secure = () =>
        connectTls({
          ...{ host, port: Number(url.port || HTTPS_PORT), lookup: guarded, ALPNProtocols: ["http/1.1"] },
          // An address is no server name (RFC 6066 §3).
          ...(addressFamily(host) === 0 ? { servername: host } : {}),
        });
      const connection =
        url.protocol === "https:" ? { defaultPort: HTTPS_PORT, createConnection: secure } : { agent: false as const };
      const request: ClientRequest = httpRequest(
        {
          host,
          port: url.port || (url.protocol === "https:" ? HTTPS_PORT : undefined),
          path: url.pathname + url.search,
          method: sent ? "POST" : "GET",
          headers: sent ? { ...headers, "content-length": String(sent.byteLength) } : headers,
          lookup: guarded,
          ...connection,
          signal,
        },
        (response) => {
          const address = response.socket.remoteAddress;
          if (address !== undefined && !rules.permits(address)) {
            request.destroy(new EgressRefused("connected to an address that is not public"));
            return;
          }
          collect(response, bytesMax).then(
            (body) => resolve({ status: response.statusCode ?? 0, headers: headersOf(response), body }),
            reject,
          );
        },
      );
      request.on("error", (error) => reject(signal.aborted ? signal.reason : error));
      request.end(sent);
    });
}

/**
 * Outgoing calls from a host process (Deno, Node). Tenant class: HTTPS to public addresses, judged as literals, as
 * resolved and as connected, at every hop. Operator class: the platform's `fetch`, redirects handed back.
 */
export function hostEgress(options: HostEgressOptions = {}): Egress {
  const rules = options.rules ?? PUBLIC_ONLY;
  const once = sendOnce(rules, options);
  return {
    tenantMayName: (url) => mayName(url, rules),
    tenantGet: (url, bounds) => getThroughHops(url, bounds, rules, once),
    tenantPost: (url, message, bounds) => postOnce(url, message, bounds, rules, once),
    operatorFetch: (url, init) => fetch(url, { ...init, redirect: "manual" }),
    exchange: hostExchange(),
  };
}
