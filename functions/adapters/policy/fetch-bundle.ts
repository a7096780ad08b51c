import { LIMITS } from "../../../shared/contracts/limits.ts";
import { type Egress, EgressRefused } from "../../../shared/contracts/ports/egress.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";

const ACCEPT = "application/gzip, application/octet-stream";

export interface FetchedBundle {
  archive: Uint8Array;
  etag: string | null;
}

/**
 * The archive at a URL, or null when it is still the one that `etag` names (RFC 9110 §13.1.2). A tenant's source must lie
 * at a public address; the operators' is where they say, without redirects. Rejects with `EgressRefused`, a network error,
 * or an error that names the status.
 */
export async function fetchBundle(
  egress: Pick<Egress, "tenantGet" | "operatorFetch">,
  whose: "operator" | "tenant",
  url: string,
  etag: string | null,
): Promise<FetchedBundle | null> {
  const { status, headers, body } =
    whose === "tenant" ? await fromTenant(egress, url, etag) : await fromOperator(egress, url, etag);
  if (status === 304 && etag !== null) return null;
  if (status !== 200) throw new Error(`the source answers ${status}`);
  return { archive: body, etag: etagOf(headers) };
}

/** The same of an object of the cell's own store. Rejects where the cell has none, and with what the store rejects with. */
export async function fetchObject(
  objects: Pick<ObjectStore, "head" | "get"> | null,
  key: string,
  etag: string | null,
): Promise<FetchedBundle | null> {
  if (objects === null) throw new Error("this cell has no object store");
  const options = { timeout_ms: LIMITS.bundlePullMsMax };
  const head = await objects.head(key, options);
  if (!head.ok) throw new Error("the object is not there");
  if (head.value.etag === etag) return null;
  if (head.value.size > LIMITS.policyBundleBytesMax)
    throw new Error(`the object has more than ${LIMITS.policyBundleBytesMax} bytes`);
  const found = await objects.get(key, options);
  if (!found.ok) throw new Error("the object is not there");
  return { archive: found.value.bytes, etag: found.value.etag };
}

/** A bound keeps a hostile source from filling our memory by headers. */
const etagOf = (headers: Headers): string | null => {
  const etag = headers.get("etag");
  return etag !== null && etag.length <= 256 ? etag : null;
};

const fromTenant = (egress: Pick<Egress, "tenantGet">, url: string, etag: string | null) =>
  egress.tenantGet(url, {
    bytes_max: LIMITS.policyBundleBytesMax,
    timeout_ms: LIMITS.bundlePullMsMax,
    accept: ACCEPT,
    ...(etag === null ? {} : { if_none_match: etag }),
  });

async function fromOperator(egress: Pick<Egress, "operatorFetch">, url: string, etag: string | null) {
  const response = await egress.operatorFetch(url, {
    headers: { accept: ACCEPT, ...(etag === null ? {} : { "if-none-match": etag }) },
    signal: AbortSignal.timeout(LIMITS.bundlePullMsMax),
  });
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    bytes += read.value.length;
    if (bytes > LIMITS.policyBundleBytesMax) {
      await reader?.cancel();
      throw new EgressRefused(`the answer has more than ${LIMITS.policyBundleBytesMax} bytes`);
    }
    parts.push(read.value);
  }
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return { status: response.status, headers: response.headers, body };
}
