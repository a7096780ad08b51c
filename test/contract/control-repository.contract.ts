import { beforeAll, describe, expect, it } from "vitest";
import type { MigratableControlDb } from "../../functions/adapters/control-db/control-db.ts";
import { drain } from "../../functions/adapters/control-db/outbox-drain.ts";
import { controlRepository } from "../../functions/adapters/control-db/repository.ts";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { Attribution } from "../../shared/contracts/ledger.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { type ControlDb, ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";
import type {
  ControlRepository,
  KeysetPage,
  KeysetQuery,
  TenantRow,
  Workspace,
} from "../../shared/contracts/ports/control-repository.ts";
import type { TenantState, TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { type ControlDbHarness, statement } from "./control-db.contract.ts";

const by: Attribution = {
  request: "req_1",
  subject: "someone",
  credential: "key:abc",
  acr: null,
  workspace: "default",
  project: "default",
  environment: "production",
  cell: "local",
  source: "192.0.2.1",
  region: "local",
  release: "0.1.0+test",
  snapshot: "sha256:0",
  decision: null,
  policy: null,
};
type Recorded = Parameters<TenantStore["record"]>[1] & { tenant: string };

/** Instants that a test sets. */
function manualClock(startMs: number) {
  let nowMs = startMs;
  return {
    // safe because: a test's own instant, in milliseconds
    now: () => nowMs as UnixMs,
    advance(ms: number) {
      nowMs += ms;
    },
  };
}

const value = <T, E>(result: Result<T, E>): T => {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.error)}`);
  return result.value;
};

/** What the repository and the outbox promise over every `ControlDb`. One tenant per test. */
export function controlRepositoryContract(name: string, harness: ControlDbHarness): void {
  describe(`ControlRepository: ${name}`, () => {
    let db: MigratableControlDb;
    let control: ControlRepository;
    const clock = manualClock(1_800_000_000_000);
    let tenants = 0;

    const state = (id: TenantId, version = 1, changed: Partial<TenantState["settings"]> = {}): TenantState => ({
      id,
      settings: { name: "Example", privacy: "hybrid", content: "none", transit: "refused", ...changed },
      suspended: false,
      locked: false,
      created_ms: clock.now(),
      versions: { state: version, policy: 1 },
      data_key: "canary-data-key",
    });
    const newTenant = async (): Promise<TenantId> => {
      tenants += 1;
      clock.advance(1);
      const tenant = TenantId.parse(`r${tenants}`);
      value(await control.registerTenant(state(tenant)));
      return tenant;
    };
    const outbox = async (tenant: string) =>
      (await db.withTenant(tenant, [statement("select * from control_outbox order by id")]))[0] ?? [];
    const workspace = { workspace: "research" };
    const project = { ...workspace, project: "alpha" };
    const environment = { ...project, environment: "staging" };

    beforeAll(async () => {
      db = await harness.connect({ cell: "local" });
      await db.migrate();
      control = controlRepository({ db, clock });
    }, 180_000);

    it("gives every tenant its default scopes, so the first call has somewhere to happen", async () => {
      const tenant = await newTenant();
      value(await control.registerTenant(state(tenant)));
      const all: KeysetQuery = { after: null, limit: 10 };
      expect(value(await control.workspaces.list(tenant, {}, all)).items.map((each) => each.workspace)).toEqual([
        "default",
      ]);
      const scope = { workspace: "default", project: "default", environment: "production" };
      expect(value(await control.environments.get(tenant, scope))).toMatchObject({
        ...scope,
        status: "active",
        version: 1,
      });
    });

    it("mirrors a tenant forwards only, so a late repair never undoes a newer change", async () => {
      const tenant = await newTenant();
      value(await control.registerTenant(state(tenant, 3, { name: "Third" })));
      value(await control.registerTenant(state(tenant, 2, { name: "Second" })));
      expect(value(await control.tenant(tenant))).toMatchObject({ tenant, cell: "local", name: "Third", version: 3 });
    });

    it("keeps no data key in Postgres, so a copy of the database opens nothing", async () => {
      const tenant = await newTenant();
      const rows = await db.withTenant(tenant, [statement("select to_jsonb(t) as row from tenants t")]);
      expect(JSON.stringify(rows)).not.toContain("canary-data-key");
    });

    it("writes one outbox row with each change and none with a refusal, so the ledger misses and invents nothing", async () => {
      const tenant = await newTenant();
      value(await control.workspaces.create(tenant, workspace, { name: "Research" }, by));
      value(await control.projects.create(tenant, project, { name: "Alpha" }, by));
      value(await control.environments.create(tenant, environment, { name: "Staging" }, by));
      value(await control.environments.update(tenant, environment, { name: "Stage" }, 1, by));
      value(await control.environments.archive(tenant, environment, 2, by));
      const refused = [
        await control.workspaces.create(tenant, workspace, { name: "Again" }, by),
        await control.projects.create(tenant, { workspace: "nowhere", project: "x" }, { name: "X" }, by),
        await control.environments.update(tenant, environment, { name: "Late" }, 3, by),
        await control.projects.update(tenant, project, { name: "Beta" }, 7, by),
        await control.projects.update(tenant, { ...project, project: "nothing" }, { name: "Beta" }, 1, by),
      ];
      expect(refused).toEqual(
        [
          { reason: "exists" },
          { reason: "not_found" },
          { reason: "archived" },
          { reason: "version_conflict", version: 1 },
          { reason: "not_found" },
        ].map((error) => err(error)),
      );
      const rows = await outbox(tenant);
      expect(rows.map(({ kind, action, detail }) => [kind, action, detail])).toEqual([
        ["data.changed", "workspace:create", { resource: "workspace", ...workspace, status: "active", version: 1 }],
        ["data.changed", "project:create", { resource: "project", ...project, status: "active", version: 1 }],
        [
          "data.changed",
          "environment:create",
          { resource: "environment", ...environment, status: "active", version: 1 },
        ],
        [
          "data.changed",
          "environment:update",
          { resource: "environment", ...environment, status: "active", version: 2 },
        ],
        [
          "data.changed",
          "environment:archive",
          { resource: "environment", ...environment, status: "archived", version: 3 },
        ],
      ]);
      expect(rows[0]?.attribution).toEqual(by);
    });

    it("lets exactly one of many concurrent changes of one version through, so no change is lost unseen", async () => {
      const tenant = await newTenant();
      value(await control.workspaces.create(tenant, workspace, { name: "Research" }, by));
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, n) => control.workspaces.update(tenant, workspace, { name: `Name ${n}` }, 1, by)),
      );
      expect(results.filter((each) => each.ok)).toHaveLength(1);
      expect(results.filter((each) => !each.ok && each.error.reason === "version_conflict")).toHaveLength(7);
      expect(await outbox(tenant)).toHaveLength(2);
    });

    it("creates nothing below an archived scope, so what is closed stays closed", async () => {
      const tenant = await newTenant();
      value(await control.workspaces.create(tenant, workspace, { name: "Research" }, by));
      const archived = value(await control.workspaces.archive(tenant, workspace, 1, by));
      expect(value(await control.workspaces.archive(tenant, workspace, 1, by))).toEqual(archived);
      expect(await control.projects.create(tenant, project, { name: "Alpha" }, by)).toEqual(
        err({ reason: "archived" }),
      );
    });

    it("answers the same for a foreign scope as for a missing one, so names of others cannot be probed", async () => {
      const [mine, theirs] = [await newTenant(), await newTenant()];
      value(await control.workspaces.create(theirs, workspace, { name: "Research" }, by));
      expect(await control.workspaces.get(mine, workspace)).toEqual(err({ reason: "not_found" }));
      expect(await control.workspaces.update(mine, workspace, { name: "Mine" }, 1, by)).toEqual(
        err({ reason: "not_found" }),
      );
      expect(value(await control.workspaces.get(theirs, workspace)).name).toBe("Research");
    });

    it("pages over items of the same instant without missing or repeating one", async () => {
      const tenant = await newTenant();
      const names = Array.from({ length: 12 }, (_, n) => `w${String(n).padStart(2, "0")}`);
      for (const each of names) value(await control.workspaces.create(tenant, { workspace: each }, { name: each }, by));
      const seen: string[] = [];
      for (let after: KeysetQuery["after"] = null; ; ) {
        const page: KeysetPage<Workspace> = value(await control.workspaces.list(tenant, {}, { after, limit: 5 }));
        seen.push(...page.items.map((each) => each.workspace));
        after = page.next;
        if (after === null) break;
      }
      expect(seen).toEqual(["default", ...names]);
    });

    it("lists every tenant to the operator, page by page", async () => {
      const made = [await newTenant(), await newTenant(), await newTenant()];
      const seen: string[] = [];
      for (let after: KeysetQuery["after"] = null; ; ) {
        const page: KeysetPage<TenantRow> = value(await control.tenants({ after, limit: 2 }));
        seen.push(...page.items.map(({ tenant }) => tenant));
        after = page.next;
        if (after === null) break;
      }
      expect(seen).toEqual(expect.arrayContaining(made));
      expect(new Set(seen).size).toBe(seen.length);
    });

    describe("drain", () => {
      const recorder = (answer: (entry: Recorded) => boolean | Error = () => true) => {
        const entries: Recorded[] = [];
        const record: TenantStore["record"] = async (tenant, entry) => {
          const verdict = answer({ ...entry, tenant });
          if (verdict instanceof Error) throw verdict;
          if (!verdict) return err({ reason: "unknown_tenant" });
          entries.push({ ...entry, tenant });
          return ok({ seq: entries.length });
        };
        return { entries, tenants: { record } };
      };
      const drainAll = async () => {
        clock.advance(LIMITS.outboxRetryMsMax);
        while ((await drain({ db, clock, ...recorder() })).delivered > 0);
      };
      const threeChanges = async () => {
        const tenant = await newTenant();
        value(await control.workspaces.create(tenant, workspace, { name: "Research" }, by));
        value(await control.projects.create(tenant, project, { name: "Alpha" }, by));
        value(await control.projects.archive(tenant, project, 1, by));
        return tenant;
      };

      it("tells the tenant's object every change once, in order, with who did it", async () => {
        await drainAll();
        const tenant = await threeChanges();
        const target = recorder();
        expect(await drain({ db, clock, ...target })).toEqual({ delivered: 3, failed: [] });
        expect(target.entries.map((entry) => entry.action)).toEqual([
          "workspace:create",
          "project:create",
          "project:archive",
        ]);
        expect(target.entries[0]).toMatchObject({ tenant, kind: "data.changed", by });
        expect(new Set(target.entries.map((entry) => entry.dedupe)).size).toBe(3);
        expect(await drain({ db, clock, ...target })).toEqual({ delivered: 0, failed: [] });
      });

      it("sends the same dedupe id again when a crash came before the mark, so the ledger holds one entry", async () => {
        await drainAll();
        await threeChanges();
        const target = recorder();
        // The process dies after the object answered: the mark is never written.
        const dying: ControlDb = {
          ...db,
          withTenant: (tenant, statements) =>
            statements[0]?.text.startsWith("update")
              ? Promise.reject(new ControlDbUnavailable("gone"))
              : db.withTenant(tenant, statements),
        };
        await expect(drain({ db: dying, clock, ...target })).rejects.toBeInstanceOf(ControlDbUnavailable);
        await drain({ db, clock, ...target });
        const ids = target.entries.map((entry) => entry.dedupe);
        expect(ids).toHaveLength(6);
        expect(ids.slice(3)).toEqual(ids.slice(0, 3));
      });

      it("waits longer after each failure, lets nothing overtake, and holds up no other tenant", async () => {
        await drainAll();
        const stuck = await threeChanges();
        const other = await threeChanges();
        let reachable = false;
        const target = recorder((entry) => entry.tenant !== stuck || reachable || new Error("object unreachable"));
        expect(await drain({ db, clock, ...target })).toEqual({
          delivered: 3,
          failed: [{ tenant: stuck, reason: "object unreachable" }],
        });
        expect(target.entries.map(({ tenant }) => tenant)).toEqual([other, other, other]);
        expect((await drain({ db, clock, ...target })).failed).toEqual([]);
        clock.advance(LIMITS.outboxRetryMsMin);
        expect((await drain({ db, clock, ...target })).failed).toHaveLength(1);
        clock.advance(LIMITS.outboxRetryMsMin);
        expect((await drain({ db, clock, ...target })).failed).toEqual([]);
        reachable = true;
        clock.advance(LIMITS.outboxRetryMsMin);
        expect(await drain({ db, clock, ...target })).toEqual({ delivered: 3, failed: [] });
        expect(target.entries.slice(3).map((entry) => entry.action)).toEqual([
          "workspace:create",
          "project:create",
          "project:archive",
        ]);
      });

      it("keeps a change whose tenant has no object yet, so it is delivered once there is one", async () => {
        await drainAll();
        const tenant = await threeChanges();
        const target = recorder(() => false);
        expect((await drain({ db, clock, ...target })).failed).toEqual([{ tenant, reason: "unknown_tenant" }]);
        expect((await outbox(tenant)).filter((row) => row.delivered_ms === null)).toHaveLength(3);
      });
    });

    it("answers `unavailable` when the database is gone, so callers get a typed problem instead of a fault", async () => {
      const gone: ControlDb = {
        ...db,
        withTenant: () => Promise.reject(new ControlDbUnavailable("gone")),
        asOperator: () => Promise.reject(new ControlDbUnavailable("gone")),
      };
      const offline = controlRepository({ db: gone, clock });
      const tenant = TenantId.parse("offline");
      const unavailable = err({ reason: "unavailable" });
      expect(await offline.registerTenant(state(tenant))).toEqual(unavailable);
      expect(await offline.tenants({ after: null, limit: 1 })).toEqual(unavailable);
      expect(await offline.workspaces.create(tenant, workspace, { name: "Research" }, by)).toEqual(unavailable);
      expect(await offline.sqlUsage(tenant, "2026-01-01", "2026-02-01")).toEqual(unavailable);
    });
  });
}
