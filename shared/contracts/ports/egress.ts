import type { ByteSource } from "./byte-source.ts";

/**
 * Every outgoing HTTP call. `operator` calls go where the configuration says; `tenant` calls (issuers, JWKS, callbacks,
 * bundles) reach public addresses only, decided on the connected address at every redirect hop.
 */
export interface Egress {
  /**
   * Whether a tenant may name this URL, as far as its text tells: scheme, credentials, literal addresses, local names.
   * What a name resolves to is judged whenever it is asked.
   */
  tenantMayName(url: string): boolean;
  /** A bounded GET of a tenant-named URL. Rejects with `EgressRefused` or a network error. */
  tenantGet(
    url: string,
    options: { bytes_max: number; timeout_ms: number; accept: string; if_none_match?: string; signal?: AbortSignal },
  ): Promise<{ status: number; headers: Headers; body: Uint8Array }>;
  /** A bounded POST to a tenant-named URL, under the same rules; redirects are handed back, never followed. */
  tenantPost(
    url: string,
    message: { body: Uint8Array; headers: Readonly<Record<string, string>> },
    options: { bytes_max: number; timeout_ms: number },
  ): Promise<{ status: number; headers: Headers; body: Uint8Array }>;
  /** Fetch for telemetry, buckets and keys; redirects are never followed. */
  operatorFetch(url: string, init: RequestInit): Promise<Response>;
  /**
   * One request of an engine, or of the objects of a cell; resolves when the head of the answer is there. Redirects are
   * handed back, never followed. Rejects with the signal's reason or a network error.
   */
  exchange(url: string, request: ExchangeRequest): Promise<Exchange>;
}

/** What is sent in an exchange. `headers` are all there are besides those that HTTP itself needs. */
export interface ExchangeRequest {
  method: "GET" | "POST";
  headers: Readonly<Record<string, string>>;
  /** Pieces are sent as they come and as fast as they are taken. */
  body: string | Uint8Array | AsyncIterable<Uint8Array> | null;
  /** Aborting it ends the exchange, its body included. */
  signal: AbortSignal;
}

/** An answer whose head is there; its bytes are those of its body. */
export interface Exchange extends ByteSource {
  readonly status: number;
  readonly headers: Pick<Headers, "get">;
}

export class EgressRefused extends Error {
  override readonly name = "EgressRefused";
}
