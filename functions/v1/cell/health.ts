import { Health, ProtectedResourceMetadata, Readiness } from "../../../shared/contracts/http/health.ts";
import type { Deps } from "../../context.ts";
import { NO_INPUT } from "../input.ts";
import { operation, type Reply, value } from "../operation.ts";

const common = {
  method: "get",
  effect: "read",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
  tag: "Cell",
  problems: [],
} as const;

/** What every dependency says now. */
export async function readinessOf(deps: Pick<Deps, "dependencies" | "lifecycle">): Promise<Readiness> {
  const probed = await Promise.all(
    deps.dependencies.map(async (dependency) => ({ dependency, ...(await dependency.probe()) })),
  );
  const failing = probed.filter(({ ready }) => !ready);
  const named = (required: boolean) =>
    failing
      .filter(({ dependency }) => dependency.required === required)
      .map(({ dependency, reason }) => ({ name: dependency.name, reason: reason ?? "not ready" }));
  const missing = deps.lifecycle.draining ? [...named(true), { name: "cell", reason: "draining" }] : named(true);
  const degraded = named(false);
  const status = missing.length > 0 ? "unready" : degraded.length > 0 ? "degraded" : "ready";
  return { status, missing, degraded };
}

export const health = operation({
  ...common,
  id: "cell.health",
  path: "/healthz",
  aliases: ["/health"],
  action: "cell:health",
  gate: "public",
  credential: "fresh",
  success: [200, Health, "The process answers."],
  summary: "Liveness",
  resource: { kind: "cell" },
  execute: () => value({ status: "ok" }),
});

export const ready = operation({
  ...common,
  id: "cell.ready",
  path: "/readyz",
  action: "cell:read",
  gate: "operations",
  credential: "fresh",
  success: [200, Readiness, "Ready, or degraded with the names of what the cell does without."],
  also: [[503, Readiness, "Something required is missing."]],
  summary: "Readiness",
  resource: { kind: "cell" },
  async execute(deps): Promise<Reply> {
    const readiness = await readinessOf(deps);
    return { kind: "value", status: readiness.status === "unready" ? 503 : 200, value: readiness };
  },
});

export const metrics = operation({
  ...common,
  id: "cell.metrics",
  path: "/metrics",
  action: "cell:read",
  gate: "operations",
  credential: "fresh",
  success: [200, null, "Prometheus text exposition.", "text/plain"],
  summary: "Metrics",
  resource: { kind: "cell" },
  async execute(deps): Promise<Reply> {
    // Queues grow without a call; what cannot be read now shows as it was read last.
    await deps.poolWatch.states();
    return {
      kind: "bytes",
      status: 200,
      contentType: "text/plain; version=0.0.4; charset=utf-8",
      body: (await deps.telemetry.summed?.()) ?? deps.telemetry.exposition(),
    };
  },
});

export const protectedResource = operation({
  ...common,
  id: "cell.protected-resource",
  path: "/.well-known/oauth-protected-resource",
  action: "cell:health",
  gate: "public",
  credential: "fresh",
  success: [200, ProtectedResourceMetadata, "RFC 9728 metadata of the host that was asked."],
  summary: "OAuth protected resource metadata",
  resource: { kind: "cell" },
  execute(deps, { snapshot }) {
    const owners = Object.values(snapshot.tenants).filter((tenant) =>
      tenant.issuers.some((issuer) => issuer.kind === "user"),
    );
    // Naming several tenants' issuers would tell strangers who the tenants are.
    const issuers =
      owners.length === 1
        ? new Set(owners.flatMap((tenant) => tenant.issuers.map((issuer) => issuer.issuer)))
        : new Set<string>();
    return value({
      resource: deps.cell.endpoint,
      ...(issuers.size > 0 ? { authorization_servers: [...issuers] } : {}),
      bearer_methods_supported: ["header"],
      resource_name: `Bailiwick cell ${deps.cell.id}`,
      resource_documentation: `${deps.cell.endpoint}/reference`,
    });
  },
});
