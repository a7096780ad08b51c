import { type Actor, Role, Scope } from "../../../shared/contracts/actor.ts";
import type { IssuerConfig } from "../../../shared/contracts/config/snapshot.ts";
import { EnvironmentId, ProjectId, type TenantId, WorkspaceId } from "../../../shared/contracts/ids.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { isSpiffeId } from "./spiffe-id.ts";

const SUBJECT_CHARS_MAX = 256;
const isSubject = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= SUBJECT_CHARS_MAX;

/** A claim by its exact name, else by a dotted path into objects; undefined when the token does not carry it. */
function claimAt(claims: JsonObject, path: string): JsonValue | undefined {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: JsonValue | undefined = claims;
  for (const name of path.split("."))
    value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

/** Strings of a claim that is an array or, as `scope` is (RFC 8693 §4.2), one space-separated text. */
const words = (value: JsonValue | undefined): string[] =>
  typeof value === "string"
    ? value.split(" ").filter((word) => word !== "")
    : Array.isArray(value)
      ? value.filter((item) => typeof item === "string")
      : [];

/** The claim's values through the issuer's table; a value without a row gives nothing, a missing claim the defaults. */
function rolesOf(claims: JsonObject, { claims: paths, defaults, role_map }: IssuerConfig): Role[] {
  const claim = paths.roles === null ? undefined : claimAt(claims, paths.roles);
  if (claim === undefined) return defaults.roles;
  const roles = words(claim).flatMap((word) => (Object.hasOwn(role_map, word) ? [Role.parse(role_map[word])] : []));
  return [...new Set(roles)];
}

/** Scopes of the token that this API knows by form. An issuer without a scope claim leaves it to the roles. */
function grantedOf(claims: JsonObject, { claims: paths }: IssuerConfig): string[] {
  if (paths.scopes === null) return ["*"];
  const known = words(claimAt(claims, paths.scopes)).filter((word) => Scope.safeParse(word).success);
  return [...new Set(known)].slice(0, LIMITS.grantsMax);
}

/** RFC 8693 §4.1: who acts for the subject, outermost first; null when the chain is malformed or too long. */
function actChain(act: JsonValue | undefined): Actor["act"] | null {
  const chain: Actor["act"] = [];
  for (let link = act; link !== undefined; ) {
    if (!isJsonObject(link) || !isSubject(link.sub) || chain.length >= LIMITS.actLinksMax) return null;
    chain.push({ subject: link.sub, kind: isSpiffeId(link.sub) ? "worker" : "service" });
    link = Object.hasOwn(link, "act") ? link.act : undefined;
  }
  return chain;
}

function kindOf({ sub, client_id, azp }: JsonObject, config: IssuerConfig): Actor["kind"] {
  if (config.kind === "workload") return "worker";
  // A token of the client-credentials grant has no user: its subject is the client itself (RFC 9068 §2.2).
  return sub === client_id || sub === azp ? "service" : "user";
}

/** The caller that verified claims describe, or null when a fact is there but malformed: nothing is guessed. */
export function actorOf(claims: JsonObject, config: IssuerConfig, tenant: TenantId): Actor | null {
  const { sub, acr, amr, auth_time } = claims;
  if (!isSubject(sub) || (config.kind === "workload" && !isSpiffeId(sub))) return null;
  const carried = config.claims.workspace === null ? undefined : claimAt(claims, config.claims.workspace);
  const workspace = WorkspaceId.safeParse(carried === undefined ? config.defaults.workspace : carried);
  const act = actChain(claims.act);
  if (!workspace.success || act === null) return null;
  return {
    scopes: {
      tenant,
      workspace: workspace.data,
      project: ProjectId.parse(config.defaults.project),
      environment: EnvironmentId.parse(config.defaults.environment),
    },
    subject: sub,
    kind: kindOf(claims, config),
    roles: rolesOf(claims, config),
    granted: grantedOf(claims, config),
    acr: typeof acr === "string" && acr.length <= 256 ? acr : null,
    // Rounded down: a sign-in never counts as later than it was.
    ...(typeof auth_time === "number" && auth_time >= 0 && auth_time < 1e11
      ? { auth_time_s: Math.floor(auth_time) }
      : {}),
    amr: words(Array.isArray(amr) ? amr : undefined)
      .filter((method) => method.length <= 64)
      .slice(0, 16),
    credential: `${config.kind === "workload" ? "workload" : "oidc"}:${sha256Hex(config.issuer).slice(0, 32)}`,
    kid: null,
    cell_operator: false,
    act,
  };
}
