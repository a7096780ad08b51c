import type { TenantId } from "../ids.ts";
import type { Attribution } from "../ledger.ts";
import type { Result } from "../result.ts";
import type { TenantState } from "./tenant-store.ts";

export interface WorkspacePath {
  workspace: string;
}
export interface ProjectPath extends WorkspacePath {
  project: string;
}
export interface EnvironmentPath extends ProjectPath {
  environment: string;
}

/** What every scope has besides its path. Archived scopes stay readable, and take no changes and no children. */
export interface ScopeState {
  name: string;
  status: "active" | "archived";
  created_ms: number;
  updated_ms: number;
  /** Increases by one with every change; a change names the version it was decided on. */
  version: number;
}
export type Workspace = WorkspacePath & ScopeState;
export type Project = ProjectPath & ScopeState;
export type Environment = EnvironmentPath & ScopeState;

/** The tenant's row in Postgres: a mirror of its object, which is the authority. */
export interface TenantRow extends ScopeState {
  tenant: string;
  cell: string;
  privacy: "local-only" | "hybrid" | "allow-api";
  content: "none" | "store";
  transit: "refused" | "allowed";
  suspended: boolean;
  locked: boolean;
}

/** Position in a list ordered by creation: the last item's time and its own name (the last member of its path). */
export interface Keyset {
  created_ms: number;
  id: string;
}
export interface KeysetPage<T> {
  items: T[];
  /** Null when this was the last page. */
  next: Keyset | null;
}
export interface KeysetQuery {
  after: Keyset | null;
  limit: number;
}

/** The database does not answer: nothing is known of a write, which may be repeated. */
export type Unavailable = { reason: "unavailable" };
export type NotFound = { reason: "not_found" };
export type CreateRefusal =
  | Unavailable
  /** Tenant or parent is not there. */
  | NotFound
  | { reason: "exists" }
  /** The parent is archived. */
  | { reason: "archived" };
export type UpdateRefusal =
  | Unavailable
  | NotFound
  | { reason: "archived" }
  | { reason: "version_conflict"; version: number };

/** One kind of scope. Every mutation writes its outbox row in the same transaction, so the tenant's ledger learns of it. */
export interface ScopeRepository<Path, Parent, Item> {
  create(tenant: TenantId, path: Path, spec: { name: string }, by: Attribution): Promise<Result<Item, CreateRefusal>>;
  get(tenant: TenantId, path: Path): Promise<Result<Item, Unavailable | NotFound>>;
  /** Items below one parent, oldest first, archived ones included. A parent that is not there has none. */
  list(tenant: TenantId, parent: Parent, page: KeysetQuery): Promise<Result<KeysetPage<Item>, Unavailable>>;
  update(
    tenant: TenantId,
    path: Path,
    patch: { name: string },
    expected_version: number,
    by: Attribution,
  ): Promise<Result<Item, UpdateRefusal>>;
  /** For ever. Archiving what is archived answers it unchanged, whatever version is named. */
  archive(
    tenant: TenantId,
    path: Path,
    expected_version: number,
    by: Attribution,
  ): Promise<Result<Item, UpdateRefusal>>;
}

export interface UsageSum {
  requests: number;
  tokens_in: number;
  tokens_out: number;
  tokens_cached: number;
  cost_nusd: number;
}

/** Control resources and sums in Postgres. Serialisable within a tenant; never rejects for expected outcomes. */
export interface ControlRepository {
  /**
   * Mirrors the tenant and creates workspace `default`, project `default` and environment `production` where they are
   * missing. Idempotent; an older state than the mirrored one changes nothing. The tenant's outbox repairs a failure.
   */
  registerTenant(state: TenantState): Promise<Result<TenantRow, Unavailable>>;
  tenant(tenant: TenantId): Promise<Result<TenantRow, Unavailable | NotFound>>;
  /** Every tenant of the cell, oldest first; for operators of the cell only. */
  tenants(page: KeysetQuery): Promise<Result<KeysetPage<TenantRow>, Unavailable>>;
  workspaces: ScopeRepository<WorkspacePath, Record<never, never>, Workspace>;
  projects: ScopeRepository<ProjectPath, WorkspacePath, Project>;
  environments: ScopeRepository<EnvironmentPath, ProjectPath, Environment>;
  /** Sum of the billing read model over UTC days `from` (inclusive) to `to` (exclusive), `YYYY-MM-DD`. */
  sqlUsage(tenant: TenantId, from: string, to: string): Promise<Result<UsageSum, Unavailable>>;
}
