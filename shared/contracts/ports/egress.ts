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
  /** Streaming fetch for engines and telemetry; redirects are never followed. */
  operatorFetch(url: string, init: RequestInit): Promise<Response>;
}

export class EgressRefused extends Error {
  override readonly name = "EgressRefused";
}
