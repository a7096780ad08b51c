import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { EngineCapabilities, EngineRequest } from "../../../shared/contracts/ports/engine.ts";

/** All that differs between two HTTP upstreams. */
export interface UpstreamSpec {
  capabilities: EngineCapabilities;
  /** Where a request goes, and the body as this upstream wants it. */
  target(request: EngineRequest): { url: string; body: JsonObject };
  /** Headers that every request carries, the credential included. */
  headers(secret: string | null): Record<string, string>;
  /** A cheap GET that answers when the upstream is up. */
  healthUrl: string;
  /** Response header with the upstream's own request id. */
  requestIdHeader: string;
}

/** Joins a base URL and a path with exactly one slash. */
export const joinUrl = (base: string, path: string): string => `${base.replace(/\/+$/, "")}${path}`;
