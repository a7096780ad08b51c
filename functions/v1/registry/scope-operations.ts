import { z } from "zod";
import { PageQuery } from "../../../shared/contracts/http/page.ts";
import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { Keyset, ScopeRepository, ScopeState } from "../../../shared/contracts/ports/control-repository.ts";
import type { Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { JSON_INPUT, NO_INPUT } from "../input.ts";
import { type Operation, operation, value } from "../operation.ts";
import { readable } from "../readable.ts";
import { unwrap } from "../refusals.ts";
import { rfc3339 } from "../time.ts";

type Text = Record<string, string>;
type ScopeBody = Text & { id: string; name: string };

/** What differs between workspaces, projects and environments. */
export interface ScopeKind<Path extends object, Parent extends object> {
  /** `workspace`; the plural and the action's namespace derive from it. */
  kind: string;
  /** Names and schemas of the parents, given as query parameters; bodies name them too. */
  parents: z.ZodObject;
  id: z.ZodType;
  create: z.ZodType;
  update: z.ZodType;
  object: z.ZodType;
  list: z.ZodType;
  repository(deps: Deps): ScopeRepository<Path, Parent, Path & ScopeState>;
}

const positionOf = (list: string, cursor: string | undefined): Keyset | null => {
  const text = decodeCursor(list, cursor);
  if (text === null) return null;
  const match = /^(\d{1,16}) ([a-z0-9-]{1,63})$/.exec(text);
  if (!match?.[1] || !match[2]) throw new ProblemError("invalid-request", { param: "cursor" });
  return { created_ms: Number(match[1]), id: match[2] };
};

/**
 * Create, list, get, update and archive of one kind of scope. They live in Postgres and are the one part of the API
 * that answers 503 while it is down; every change reaches the tenant's ledger by the outbox.
 */
export function scopeOperations<Path extends object, Parent extends object>(
  spec: ScopeKind<Path, Parent>,
): Operation[] {
  const { kind } = spec;
  const plural = `${kind}s`;
  const label = kind.charAt(0).toUpperCase() + kind.slice(1);
  const param = `${kind}_id`;
  const params = z.strictObject({ [param]: spec.id });
  const one = `/v1/${plural}/{${param}}`;
  const read = {
    action: `${kind}:read`,
    gate: "governed",
    credential: "fresh",
    effect: "read",
    retry: "safe",
    ack: "commit",
    kind: "unary",
    ...NO_INPUT,
    tag: `${label}s`,
  } as const;
  const write = {
    action: `${kind}:write`,
    gate: "governed",
    credential: "fresh",
    effect: "reversible-write",
    ack: "commit",
    kind: "unary",
    tag: `${label}s`,
  } as const;
  const view = (item: Path & ScopeState) => {
    const { created_ms, updated_ms, [kind]: id, ...rest } = item as unknown as Text & ScopeState; // safe because: a path is texts by name
    return { object: kind, id, ...rest, created_at: rfc3339(created_ms), updated_at: rfc3339(updated_ms) };
  };
  const pathOf = (parents: unknown, id: unknown): Path =>
    ({ ...(parents as Parent), [kind]: String(id) }) as unknown as Path; // safe because: both came through the kind's own schemas
  const idOf = (given: unknown): string => String((given as Text)[param]); // safe because: `params` has this one member
  const item = async (deps: Deps, tenant: TenantId, path: Path) =>
    unwrap(await spec.repository(deps).get(tenant, path));

  return [
    operation({
      ...write,
      ...JSON_INPUT,
      id: `${plural}.create`,
      method: "post",
      path: `/v1/${plural}`,
      retry: "never",
      body: spec.create,
      success: [201, spec.object, `The ${kind}.`],
      problems: ["already-exists", "not-found", "limit-reached"],
      summary: `Create a ${kind}`,
      resource: { kind },
      async execute(deps, { tenant, by, body }) {
        const { id, name, ...parents } = body as ScopeBody; // safe because: every create schema has id and name, and parents by name
        return value(view(unwrap(await spec.repository(deps).create(tenant.id, pathOf(parents, id), { name }, by))));
      },
    }),
    operation({
      ...read,
      id: `${plural}.list`,
      method: "get",
      path: `/v1/${plural}`,
      query: z.strictObject({ ...PageQuery.shape, ...spec.parents.shape }),
      success: [200, spec.list, `The ${plural}, oldest first, archived ones included.`],
      problems: [],
      summary: `List ${plural}`,
      resource: { kind },
      async execute(deps, call) {
        const { tenant, query } = call;
        const { limit, cursor, ...parents } = query as PageQuery & Text; // safe because: the schema is the page's and the parents'
        const page = unwrap(
          await spec
            .repository(deps)
            .list(tenant.id, parents as unknown as Parent, { after: positionOf(plural, cursor), limit }),
        ); // safe because: as above
        const next = page.next === null ? null : encodeCursor(plural, `${page.next.created_ms} ${page.next.id}`);
        const shown = await readable(deps, call, page.items.map(view), (item) => ({
          ...(item as Text),
          id: String(item.id),
          [kind]: String(item.id),
        })); // safe because: a path is texts by name
        return value({ object: "list", data: shown, has_more: next !== null, next_cursor: next });
      },
    }),
    operation({
      ...read,
      id: `${plural}.get`,
      method: "get",
      path: one,
      params,
      query: spec.parents,
      success: [200, spec.object, `The ${kind}.`],
      problems: ["not-found"],
      summary: `Get a ${kind}`,
      resource: { kind, param },
      execute: async (deps, call) =>
        value(view(await item(deps, call.tenant.id, pathOf(call.query, idOf(call.params))))),
    }),
    operation({
      ...write,
      ...JSON_INPUT,
      id: `${plural}.update`,
      method: "patch",
      path: one,
      retry: "safe",
      params,
      query: spec.parents,
      body: spec.update,
      success: [200, spec.object, `The ${kind} as it now is.`],
      problems: ["not-found", "version-conflict", "limit-reached"],
      summary: `Rename a ${kind}`,
      resource: { kind, param },
      async execute(deps, call) {
        const path = pathOf(call.query, idOf(call.params));
        const { name, expected_version } = call.body as { name: string; expected_version?: number }; // safe because: every update schema is this
        const version = expected_version ?? (await item(deps, call.tenant.id, path)).version;
        return value(
          view(unwrap(await spec.repository(deps).update(call.tenant.id, path, { name }, version, call.by))),
        );
      },
    }),
    operation({
      ...write,
      ...NO_INPUT,
      id: `${plural}.archive`,
      method: "delete",
      path: one,
      retry: "safe",
      params,
      query: spec.parents,
      success: [200, spec.object, `The archived ${kind}: readable, closed for changes and new keys.`],
      problems: ["not-found", "version-conflict"],
      summary: `Archive a ${kind}`,
      resource: { kind, param },
      async execute(deps, call) {
        const path = pathOf(call.query, idOf(call.params));
        const { version } = await item(deps, call.tenant.id, path);
        return value(view(unwrap(await spec.repository(deps).archive(call.tenant.id, path, version, call.by))));
      },
    }),
  ];
}
