import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { hostExchange } from "../../functions/adapters/egress/host-exchange.ts";
import type { EngineOptions } from "../../functions/engines/engine-options.ts";
import type { EngineKind, ProviderConfig } from "../../shared/contracts/config/snapshot.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";

export const testClock: Clock = { now: () => Date.now() as UnixMs }; // safe because: it is milliseconds

export const TEST_SECRET = "sk-canary-5f0c1d9e";

/** A provider as the configuration would give it. */
export function engineProvider(
  kind: EngineKind,
  base_url: string | null,
  given: Partial<ProviderConfig> = {},
): ProviderConfig {
  return {
    name: `test-${kind}`,
    kind,
    base_url,
    secret: null,
    tenant_credentials: false,
    locality: "api",
    jurisdiction: "local",
    dialects: null,
    api_version: null,
    connect_timeout_ms: 1_000,
    try_timeout_ms: 5_000,
    idle_timeout_ms: 5_000,
    breaker: { failures: 5, cooldown_ms: 1_000 },
    synthetic: null,
    ...given,
  };
}

/** Options of an HTTP engine whose calls really go out. */
export const engineOptions = (baseUrl: string, given: Partial<ProviderConfig> = {}): EngineOptions => ({
  provider: engineProvider("openai", baseUrl, given),
  egress: { exchange: hostExchange() },
  secret: TEST_SECRET,
  clock: testClock,
});

/** A loopback URL where nothing listens. */
export async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // safe because: it listens on TCP
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
