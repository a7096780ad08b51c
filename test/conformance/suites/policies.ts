import { beforeAll, describe, expect, it } from "vitest";
import { type Ask, type Lab, marker, type Tenant, user } from "../../support/lab.ts";
import { ALL_ACTIONS, type PolicyBundle, policyBundle } from "../../support/policy-bundle.ts";
import { POLICY_TENANTS } from "../../support/test-config.ts";

const CHAT = "/v1/chat/completions";
const BUNDLES = "/v1/policies/bundles";
const without = (...actions: string[]) => ALL_ACTIONS.filter((action) => !actions.includes(action));
const NO_INFERENCE = without("inference:invoke");

export function policiesSuite(lab: Lab): void {
  /** Puts a bundle of the tenant's layer; `at` is the administrator's next request. */
  const put = (tenant: Tenant, body: Uint8Array, over: Partial<Ask> = {}, query = "") =>
    lab.ask(`${BUNDLES}${query}`, {
      key: tenant.adminKey,
      method: "PUT",
      body,
      ...over,
      headers: { "content-type": "application/gzip", ...over.headers },
    });
  const keep = async (tenant: Tenant, of: Omit<PolicyBundle, "tenant">) => {
    const body = await policyBundle({ tenant: tenant.id, ...of });
    const response = await put(tenant, body);
    expect([response.status, response.ok ? "" : await response.text()]).toEqual([201, ""]);
    return body;
  };
  const activate = (tenant: Tenant, revision: number, body: object = {}) =>
    lab.json(`${BUNDLES}/${revision}/activate`, { key: tenant.adminKey, body });
  const rollback = (tenant: Tenant, body: object = {}) =>
    lab.json("/v1/policies/rollback", { key: tenant.adminKey, body });
  const chat = async (key: string, headers: Record<string, string> = {}) => {
    const response = await lab.ask(CHAT, { key, headers, body: { model: "small", messages: [user(marker())] } });
    const document = await response.json();
    return { status: response.status, code: document.error?.code, document };
  };
  const told = async (response: Response) => {
    const document = await response.json();
    return [response.status, document.error?.code, ...(document.code === undefined ? [] : [document.code])];
  };

  describe("a tenant's own policy", () => {
    let tenant: Tenant;
    let archive: Uint8Array;
    beforeAll(async () => {
      tenant = await lab.configuredTenant(POLICY_TENANTS.lifecycle);
    });

    it("is kept, listed and given back byte for byte, and decides nothing before it is activated", async () => {
      archive = await keep(tenant, { revision: 10, actions: NO_INFERENCE });
      const listed = await lab.json(BUNDLES, { key: tenant.adminKey });
      expect(listed).toMatchObject({
        data: [{ id: "10", layer: "tenant", revision: 10, state: "stored", signed_by: "release-1", contract: "1.0.0" }],
        has_more: false,
      });
      expect(await lab.json(`${BUNDLES}/10`, { key: tenant.adminKey })).toEqual(listed.data[0]);
      const download = await lab.ask(`${BUNDLES}/10/archive`, { key: tenant.adminKey });
      expect(download.headers.get("content-type")).toBe("application/gzip");
      expect(Buffer.compare(new Uint8Array(await download.arrayBuffer()), archive)).toBe(0);
      expect(await lab.json("/v1/policies", { key: tenant.adminKey })).toMatchObject({ active: null, canary: null });
      expect((await chat(tenant.apiKey)).status).toBe(200);
    });

    it("takes effect on the next request, without a restart, and says why", async () => {
      const state = await activate(tenant, 10);
      expect(state).toMatchObject({ object: "policy", layer: "tenant", active: { revision: 10 }, canary: null });
      expect(await chat(tenant.apiKey)).toMatchObject({
        status: 403,
        code: "forbidden",
        document: { reasons: ["no_rule"] },
      });
      expect((await lab.ask("/v1/models", { key: tenant.apiKey })).status).toBe(200);
    });

    it("explains the refusal: by which bundle, which rules held, and that asking again gives the same", async () => {
      const { data } = await lab.json("/v1/decisions?limit=5", { key: tenant.adminKey });
      const denied = data.find(({ decision }: { decision: string }) => decision === "DENY");
      expect(denied).toMatchObject({ action: "inference:invoke", operation: "chat.completions.create" });
      const explained = await lab.json(`/v1/decisions/${denied.id}`, { key: tenant.adminKey });
      expect(explained).toMatchObject({
        id: denied.id,
        decision: "DENY",
        reasons: ["no_rule"],
        facts: "same",
        input: { action: "inference:invoke", scopes: { tenant: tenant.id } },
        policies: [
          { layer: "cell", revision: 0, explained: "evaluated", reproduced: true },
          {
            layer: "tenant",
            revision: 10,
            decision: "DENY",
            explained: "evaluated",
            reproduced: true,
            rules: ["data.bailiwick.decision"],
            failure: null,
          },
        ],
      });
      expect(explained.input_digest).toMatch(/^[0-9a-f]{64}$/);
    });

    it("explains the decision that a change names in the ledger, so that no entry points at nothing", async () => {
      const key = { name: "explained", roles: ["developer"] };
      await lab.json("/v1/keys", { key: tenant.adminKey, body: key });
      const { size } = await lab.json("/v1/ledger?limit=1", { key: tenant.adminKey });
      const { data } = await lab.json(`/v1/ledger?limit=20&from=${Math.max(0, size - 20)}`, { key: tenant.adminKey });
      const created = data.findLast(({ kind }: { kind: string }) => kind === "key.created");
      const explained = await lab.json(`/v1/decisions/${created.decision}`, { key: tenant.adminKey });
      expect(explained).toMatchObject({ id: created.decision, decision: "ALLOW", action: "key:write" });
    });

    it("is asked about an answer that is stored already, so that no repeat passes a policy that changed", async () => {
      await rollback(tenant);
      const headers = { "idempotency-key": marker() };
      const body = { model: "small", messages: [user("kept")] };
      const keyed = () => lab.ask(CHAT, { key: tenant.apiKey, headers, body });
      expect((await keyed()).status).toBe(200);
      await activate(tenant, 10);
      expect(await told(await keyed())).toEqual([403, "forbidden"]);
    });

    it("goes back only by name, and to no bundle at all where none was before", async () => {
      expect(await rollback(tenant)).toMatchObject({ active: null });
      expect((await chat(tenant.apiKey)).status).toBe(200);
      await keep(tenant, { revision: 11 });
      await activate(tenant, 11);
      const older = await lab.ask(`${BUNDLES}/10/activate`, { key: tenant.adminKey, body: {} });
      expect(await told(older)).toEqual([409, "revision_not_increasing"]);
      expect(await rollback(tenant, { revision: 10 })).toMatchObject({ active: { revision: 10 } });
      expect((await chat(tenant.apiKey)).status).toBe(403);
      expect(await activate(tenant, 11)).toMatchObject({ active: { revision: 11 } });
      expect((await chat(tenant.apiKey)).status).toBe(200);
    });

    it("rises in its revisions, whatever is sent twice", async () => {
      expect((await put(tenant, archive)).status).toBe(201);
      const same = await policyBundle({ tenant: tenant.id, revision: 11, actions: [] });
      expect(await told(await put(tenant, same))).toEqual([409, "revision_not_increasing"]);
      const older = await policyBundle({ tenant: tenant.id, revision: 9 });
      expect(await told(await put(tenant, older))).toEqual([409, "revision_not_increasing"]);
    });

    it("leaves an entry of each change in the tenant's ledger, with who made it", async () => {
      const { size } = await lab.json("/v1/ledger?limit=1", { key: tenant.adminKey });
      const { data } = await lab.json(`/v1/ledger?limit=100&from=${Math.max(0, size - 100)}`, { key: tenant.adminKey });
      const changes = data.filter(({ kind }: { kind: string }) => kind.startsWith("policy."));
      const kinds = changes.map(({ kind }: { kind: string }) => kind);
      expect(kinds.slice(0, 3)).toEqual(["policy.bundle_stored", "policy.activated", "policy.rolled_back"]);
      for (const { subject, credential, outcome } of changes) {
        expect([subject, outcome]).toEqual([expect.stringMatching(/^key:/), "success"]);
        expect(credential).toBe(subject);
      }
    });

    it("is changed by nobody who did not see the last change", async () => {
      const { version } = await lab.json("/v1/policies", { key: tenant.adminKey });
      const stale = { body: { expected_version: version - 1 }, key: tenant.adminKey };
      expect(await told(await lab.ask("/v1/policies/rollback", stale))).toEqual([409, "version_conflict"]);
      expect(await activate(tenant, 11, { expected_version: version })).toMatchObject({ active: { revision: 11 } });
    });
  });

  describe("a bundle that must not be loaded", () => {
    let tenant: Tenant;
    beforeAll(async () => {
      tenant = await lab.configuredTenant(POLICY_TENANTS.refused);
    });
    const of = (over: Partial<PolicyBundle>) => policyBundle({ tenant: tenant.id, revision: 1, ...over });

    it.each<[string, () => Promise<Uint8Array>]>([
      ["signature_invalid", () => of({ secret: "another-bundle-secret-of-32-byte" })],
      ["tenant_mismatch", () => of({ tenant: "someoneelse" })],
      ["layer_mismatch", () => of({ tenant: null })],
      ["contract_unsupported", () => of({ claims: { contract: "2.0.0" } })],
      ["expired", () => of({ claims: { exp: 1_000_000_000 } })],
      ["key_unknown", () => of({ key: "stranger" })],
      ["not_gzip", async () => new Uint8Array(64)],
    ])("is refused as %s, and keeps nothing", async (code, make) => {
      expect(await told(await put(tenant, await make()))).toEqual([422, "bundle_invalid", code]);
      expect(await lab.json(BUNDLES, { key: tenant.adminKey })).toMatchObject({ data: [] });
    });

    it("is refused whole when one byte of it was changed on the way", async () => {
      const bytes = await of({});
      bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
      expect((await told(await put(tenant, bytes))).slice(0, 2)).toEqual([422, "bundle_invalid"]);
    });

    it("is refused before it is read when it is too large, or is no archive by its own word", async () => {
      expect(await told(await put(tenant, new Uint8Array(1024 * 1024 + 1)))).toEqual([413, "body_too_large"]);
      const json = { headers: { "content-type": "application/json" } };
      expect(await told(await put(tenant, await of({}), json))).toEqual([415, "unsupported_media_type"]);
    });

    it("is refused of a tenant for which nobody may sign", async () => {
      const made = await lab.newTenant();
      const bundle = await policyBundle({ tenant: made.id, revision: 1 });
      expect(await told(await put(made, bundle))).toEqual([422, "bundle_invalid", "key_unknown"]);
    });

    it("is nothing for the cell's layer, whoever administers a tenant", async () => {
      const bundle = await of({ tenant: null });
      expect(await told(await put(tenant, bundle, {}, "?layer=cell"))).toEqual([403, "forbidden"]);
      expect(await told(await lab.ask("/v1/policies?layer=cell", { key: tenant.adminKey }))).toEqual([
        403,
        "forbidden",
      ]);
      const elsewhere = `/v1/policies?tenant=${POLICY_TENANTS.lifecycle}`;
      expect(await told(await lab.ask(elsewhere, { key: tenant.adminKey }))).toEqual([404, "not_found"]);
      const cells = await lab.json("/v1/policies?layer=cell", { key: lab.cell.adminKey });
      expect(cells).toMatchObject({ object: "policy", layer: "cell", active: null });
    });
  });

  describe("a list", () => {
    it("holds only what policy lets its reader read, resource by resource", async () => {
      const tenant = await lab.configuredTenant(POLICY_TENANTS.lists);
      const make = (scope: object): Promise<{ id: string }> =>
        lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "month", limit_usd: "1", scope } });
      const [all, , shown] = [
        await make({}),
        await make({ workspace: "hidden" }),
        await make({ workspace: "research" }),
      ];
      const { data } = await lab.json("/v1/budgets", { key: tenant.adminKey });
      expect(data.map(({ id }: { id: string }) => id).sort()).toEqual([all.id, shown.id].sort());
    });
  });

  describe("a canary", () => {
    it("decides for a share of the actors, always the same ones, until it ends", async () => {
      const tenant = await lab.configuredTenant(POLICY_TENANTS.canary);
      await keep(tenant, { revision: 1, actions: NO_INFERENCE });
      const keys: string[] = [];
      for (let n = 0; n < 12; n++)
        keys.push((await lab.newKey(tenant, { roles: ["developer"], subject: `user:${n}` })).secret);
      const statuses = async () => {
        const all: number[] = [];
        for (const key of keys) all.push((await chat(key)).status);
        return all;
      };
      expect(await activate(tenant, 1, { canary_percent: 50 })).toMatchObject({
        active: null,
        canary: { revision: 1, percent: 50 },
      });
      const first = await statuses();
      expect(new Set(first)).toEqual(new Set([200, 403]));
      expect(await statuses()).toEqual(first);
      const ended = { key: tenant.adminKey, method: "DELETE" };
      expect(await lab.json("/v1/policies/canary", ended)).toMatchObject({ active: null, canary: null });
      expect(new Set(await statuses())).toEqual(new Set([200]));
    });
  });

  describe("a policy that locks its own administrators out", () => {
    it("is taken back by an operator of the cell from outside the tenant", async () => {
      const tenant = await lab.configuredTenant(POLICY_TENANTS.locked);
      await keep(tenant, { revision: 1, actions: [] });
      await activate(tenant, 1);
      expect(await told(await lab.ask("/v1/policies", { key: tenant.adminKey }))).toEqual([403, "forbidden"]);
      const path = `/v1/policies/rollback?tenant=${tenant.id}`;
      expect(await lab.json(path, { key: lab.cell.adminKey, body: {} })).toMatchObject({ active: null });
      expect((await lab.ask("/v1/policies", { key: tenant.adminKey })).status).toBe(200);
    });
  });

  describe("simulation", () => {
    let tenant: Tenant;
    beforeAll(async () => {
      tenant = await lab.configuredTenant(POLICY_TENANTS.simulated);
      expect((await chat(tenant.apiKey)).status).toBe(200);
    });
    const simulate = (body: object) => lab.json("/v1/policies/simulate", { key: tenant.adminKey, body });

    it("tells what the last calls would have met under a candidate that is kept nowhere, and changes nothing", async () => {
      const bundle = Buffer.from(await policyBundle({ tenant: tenant.id, revision: 1, actions: NO_INFERENCE }));
      const simulated = await simulate({ bundle: bundle.toString("base64"), decisions: 100 });
      expect(simulated).toMatchObject({ object: "policy.simulation", candidate: { revision: 1 }, omitted: 0 });
      const call = simulated.data.find(({ change }: { change: string }) => change === "newly_denied");
      expect(call).toMatchObject({
        old: { decision: expect.stringMatching(/ALLOW|ROUTE/) },
        new: { decision: "DENY" },
      });
      expect(simulated.summary.newly_denied).toBeGreaterThan(0);
      const counted = Object.values<number>(simulated.summary).reduce((sum, n) => sum + n, 0);
      expect([counted, simulated.data.length]).toEqual([simulated.evaluated, simulated.evaluated]);
      expect(await lab.json(BUNDLES, { key: tenant.adminKey })).toMatchObject({ data: [] });
      expect((await chat(tenant.apiKey)).status).toBe(200);
    });

    it("compares a kept revision over given inputs, and lists the changes alone when asked to", async () => {
      await keep(tenant, { revision: 2, actions: without("model:read") });
      const page = await lab.json("/v1/decisions?limit=1", { key: tenant.adminKey });
      const { input } = await lab.json(`/v1/decisions/${page.data[0].id}`, { key: tenant.adminKey });
      const asked = (action: string) => ({ ...input, action });
      const inputs = [asked("inference:invoke"), asked("model:read"), asked("ledger:read")];
      const simulated = await simulate({ revision: 2, inputs, changes_only: true });
      expect(simulated).toMatchObject({
        evaluated: 3,
        summary: { same: 2, newly_denied: 1 },
        data: [{ index: 1, decision_id: null, change: "newly_denied" }],
      });
      expect(simulated.data).toHaveLength(1);
    });

    it("refuses a candidate that could not be activated, and questions that nobody could answer", async () => {
      const ask = (body: object) => lab.ask("/v1/policies/simulate", { key: tenant.adminKey, body });
      expect(await told(await ask({ bundle: "AAAA", decisions: 1 }))).toEqual([422, "bundle_invalid", "not_gzip"]);
      expect(await told(await ask({ revision: 99, decisions: 1 }))).toEqual([404, "not_found"]);
      for (const body of [{ revision: 2 }, { decisions: 1 }, { revision: 2, decisions: 1_001 }])
        expect(await told(await ask(body))).toEqual([400, "invalid_request"]);
    });

    it("shows the decision log in OPA's format, without credentials and what else is erased", async () => {
      const log = await lab.json("/v1/decisions/log?limit=3&erase=/input/actor/subject", { key: tenant.adminKey });
      const [entry] = log.data;
      expect(entry).toMatchObject({
        decision_id: expect.stringMatching(/^dec_/),
        path: "bailiwick/decision",
        labels: { id: expect.any(String) },
        bundles: { cell: { revision: "0" } },
        result: { decision: expect.any(String) },
        erased: expect.arrayContaining(["/input/actor/credential", "/input/actor/subject"]),
      });
      expect(entry.input.actor).not.toHaveProperty("credential");
      expect(entry.input.actor).not.toHaveProperty("subject");
      expect(entry.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    });

    it("pages through decisions newest first, each once", async () => {
      for (let n = 0; n < 4; n++) await chat(tenant.apiKey);
      const seen: string[] = [];
      let cursor = "";
      for (let pages = 0; pages < 3; pages++) {
        const page = await lab.json(`/v1/decisions?limit=2${cursor}`, { key: tenant.adminKey });
        seen.push(...page.data.map(({ id }: { id: string }) => id));
        if (!page.has_more) break;
        cursor = `&cursor=${page.next_cursor}`;
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.length).toBeGreaterThan(4);
      const foreign = await lab.ask(`/v1/keys?${cursor.slice(1)}`, { key: tenant.adminKey });
      expect(await told(foreign)).toEqual([400, "invalid_request"]);
    });
  });
}
