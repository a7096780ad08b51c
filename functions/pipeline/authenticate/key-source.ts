import type { IssuerConfig } from "../../../shared/contracts/config/snapshot.ts";
import { isJsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Egress } from "../../../shared/contracts/ports/egress.ts";
import { parseStrictJson } from "../../../shared/crypto/strict-json.ts";
import { type KeySet, readKeySet } from "./key-set.ts";

/** Where an issuer's keys are read. */
export type Where = Pick<IssuerConfig, "issuer" | "jwks_uri" | "network">;

/** An issuer's documents could not be had, or said something that must not be believed. */
export class IssuerUnusable extends Error {
  override readonly name = "IssuerUnusable";
}

async function boundedBody(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    size += read.value.length;
    if (size > LIMITS.jwksBytesMax) {
      await reader?.cancel();
      throw new IssuerUnusable("document is too large");
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

async function getJson(egress: Egress, url: string, network: Where["network"]): Promise<JsonValue> {
  const timeout_ms = LIMITS.issuerFetchMsMax;
  let status: number;
  let body: Uint8Array;
  if (network === "operator") {
    const signal = AbortSignal.timeout(timeout_ms);
    const response = await egress.operatorFetch(url, { headers: { accept: "application/json" }, signal });
    ({ status } = response);
    body = await boundedBody(response);
  } else {
    const bounds = { bytes_max: LIMITS.jwksBytesMax, timeout_ms, accept: "application/json" };
    ({ status, body } = await egress.tenantGet(url, bounds));
  }
  const parsed = status === 200 ? parseStrictJson(body) : null;
  if (parsed?.ok !== true) throw new IssuerUnusable(`no JSON document (status ${status})`);
  return parsed.value;
}

/** OpenID Connect Discovery §4: the document must name exactly the issuer it was asked for. */
async function jwksUri(egress: Egress, { issuer, jwks_uri, network }: Where): Promise<string> {
  if (jwks_uri !== null) return jwks_uri;
  const base = issuer.endsWith("/") ? issuer.slice(0, -1) : issuer;
  const document = await getJson(egress, `${base}/.well-known/openid-configuration`, network);
  if (!isJsonObject(document) || document.issuer !== issuer) throw new IssuerUnusable("discovery names another issuer");
  const uri = document.jwks_uri;
  const scheme = typeof uri === "string" && URL.canParse(uri) ? new URL(uri).protocol : null;
  if (typeof uri !== "string" || (scheme !== "https:" && !(scheme === "http:" && network === "operator")))
    throw new IssuerUnusable("discovery names no acceptable jwks_uri");
  return uri;
}

/** An issuer's current keys, read through `Egress`. Rejects with `IssuerUnusable`, `EgressRefused` or a network error. */
export async function fetchKeySet(egress: Egress, where: Where): Promise<KeySet> {
  const keys = await readKeySet(await getJson(egress, await jwksUri(egress, where), where.network));
  if (keys === null) throw new IssuerUnusable("the key set must not be trusted");
  return keys;
}
