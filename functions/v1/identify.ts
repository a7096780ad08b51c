import type { Actor } from "../../shared/contracts/actor.ts";
import type { Access, TenantState } from "../../shared/contracts/ports/tenant-store.ts";
import type { Deps, Incoming } from "../context.ts";
import { withOfferedCredential } from "../pipeline/authenticate/offered-credential.ts";
import { elsewhere } from "../pipeline/locate/elsewhere.ts";
import { ProblemError } from "../problem.ts";
import type { Operation } from "./operation.ts";

export interface Identified {
  actor: Actor;
  access: Access;
  state: TenantState;
  /** Who made the credential; see `Authenticated`. */
  madeBy?: readonly string[];
}

/**
 * Who calls, or null where the operation's gate lets anybody in. Failed attempts draw from the address's bucket, so
 * guessing is slow while good callers pay nothing. Throws `ProblemError`.
 */
export async function identify(
  operation: Operation,
  deps: Deps,
  incoming: Incoming,
  options: { fresh: boolean } = { fresh: false },
): Promise<Identified | null> {
  if (
    operation.gate === "public" ||
    operation.gate === "worker" ||
    (operation.gate === "operations" && deps.cell.loopback)
  )
    return null;
  const headers = operation.kind === "socket" ? withOfferedCredential(incoming.headers) : incoming.headers;
  const outcome = await deps.authenticator.authenticate(headers, {
    host: incoming.forwarded?.host ?? incoming.headers.get("host"),
    now: incoming.receivedMs,
    source: incoming.runtime.source,
    fresh: options.fresh,
  });
  if (!outcome.ok) throw await refusedAttempt(deps, incoming, outcome.error);
  // The directory said that this tenant's calls may pass an entry; the tenant's own state is what counts.
  if (incoming.forwarded !== undefined && outcome.value.state.settings.transit !== "allowed") {
    // What is cached may be older than the permission.
    if (!options.fresh) return identify(operation, deps, incoming, { fresh: true });
    throw elsewhere(deps.directory()?.cells.get(deps.cell.id) ?? null);
  }
  if (operation.gate === "operations" && !outcome.value.actor.cell_operator) throw new ProblemError("forbidden");
  return outcome.value;
}

/** What a failed attempt is answered with: its problem, or that its address has tried too often. */
export async function refusedAttempt(
  deps: Deps,
  incoming: Pick<Incoming, "request" | "runtime">,
  problem: ProblemError,
): Promise<ProblemError> {
  const source = incoming.runtime.source;
  deps.telemetry.metrics.count("bailiwick_refusals_total", { reason: problem.slug });
  incoming.runtime.defer(
    deps.cellStore.system([
      { kind: "authentication.failed", reason: problem.slug, source, detail: { request: incoming.request } },
    ]),
  );
  const taken = await deps.preauth.take(source ?? "unknown");
  return taken.allowed
    ? problem
    : new ProblemError("rate-limited", {
        retryAfterMs: taken.retry_after_ms,
        detail: "Too many failed attempts from this address.",
      });
}
