import { describe, expect, it } from "vitest";
import { type Lab, user } from "../../support/lab.ts";

interface Described {
  paths: Record<string, Record<string, { operationId?: string; security?: unknown[] }>>;
}

export function identitySuite(lab: Lab): void {
  const models = (headers: Record<string, string>) => lab.ask("/v1/models", { headers });

  describe("credentials", () => {
    it("maps a missing and a wrong key to the openai client's AuthenticationError", async () => {
      await expect(lab.openai("nonsense").models.list()).rejects.toMatchObject({
        status: 401,
        code: "invalid_api_key",
        type: "authentication_error",
      });
      const response = await lab.ask("/v1/models");
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer resource_metadata="/);
    });

    it("takes the key as bearer token, as api-key and as x-api-key, but never two credentials at once", async () => {
      const { apiKey } = await lab.newTenant();
      expect((await models({ authorization: `Bearer ${apiKey}` })).status).toBe(200);
      expect((await models({ "api-key": apiKey })).status).toBe(200);
      expect((await models({ "x-api-key": apiKey })).status).toBe(200);
      const two = await models({ authorization: `Bearer ${apiKey}`, "api-key": apiKey });
      expect(two.status).toBe(400);
      expect((await two.json()).error.code).toBe("credential_conflict");
    });

    it("refuses a key with one changed character, an expired one and one of another cell alike", async () => {
      const tenant = await lab.newTenant();
      const serves = async (secret: string) => (await models({ authorization: `Bearer ${secret}` })).status === 200;
      const expiring = (lifeMs: number) =>
        lab.newKey(tenant, { expires_at: new Date(Date.now() + lifeMs).toISOString() });
      // As long as this machine needs for two calls.
      let lifeMs = 1_500;
      let soon = await expiring(lifeMs);
      while (!(await serves(soon.secret))) {
        lifeMs *= 2;
        soon = await expiring(lifeMs);
      }
      const last = tenant.apiKey.at(-1) === "0" ? "1" : "0";
      const foreign = tenant.apiKey.replace(/^bw_[a-z0-9]+_/, "bw_zz9_");
      for (const bad of [tenant.apiKey.slice(0, -1) + last, foreign, "bw_", "Bearer", " "]) {
        const response = await models({ authorization: `Bearer ${bad}` });
        expect([bad.length > 10, response.status]).toEqual([bad.length > 10, 401]);
        await response.arrayBuffer();
      }
      let status = 200;
      while (status === 200) {
        status = (await models({ authorization: `Bearer ${soon.secret}` })).status;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      expect(status).toBe(401);
    });

    it("revokes with effect on the very next request", async () => {
      const tenant = await lab.newTenant();
      const key = await lab.newKey(tenant);
      const body = { model: "echo", messages: [user("x")] };
      expect((await lab.ask("/v1/chat/completions", { key: key.secret, body })).status).toBe(200);
      await lab.ask(`/v1/keys/${key.id}`, { key: tenant.adminKey, method: "DELETE" });
      expect((await lab.ask("/v1/chat/completions", { key: key.secret, body })).status).toBe(401);
      expect((await models({ authorization: `Bearer ${key.secret}` })).status).toBe(401);
    });

    it("rotates with an overlap in which both keys work, and without one", async () => {
      const tenant = await lab.newTenant();
      const key = await lab.newKey(tenant);
      const next = await lab.json(`/v1/keys/${key.id}/rotate`, { key: tenant.adminKey, body: { overlap_s: 3600 } });
      for (const secret of [key.secret, next.secret])
        expect((await models({ authorization: `Bearer ${secret}` })).status).toBe(200);
      const last = await lab.json(`/v1/keys/${next.id}/rotate`, { key: tenant.adminKey, body: { overlap_s: 0 } });
      expect((await models({ authorization: `Bearer ${next.secret}` })).status).toBe(401);
      expect((await models({ authorization: `Bearer ${last.secret}` })).status).toBe(200);
    });

    it("shows a secret once and never again", async () => {
      const tenant = await lab.newTenant();
      const key = await lab.newKey(tenant);
      const listed = await lab.ask("/v1/keys?limit=100", { key: tenant.adminKey });
      const text = await listed.text();
      expect(text).toContain(key.id);
      expect(text).not.toContain(key.secret);
      expect(lab.cell.logs()).not.toContain(key.secret);
    });

    it("suspends a tenant at once, and lets it go on at once", async () => {
      const tenant = await lab.newTenant();
      const body = { model: "echo", messages: [user("x")] };
      const suspend = (suspended: boolean) =>
        lab.json(`/v1/tenants/${tenant.id}`, { key: lab.cell.adminKey, method: "PATCH", body: { suspended } });
      expect((await lab.ask("/v1/chat/completions", { key: tenant.apiKey, body })).status).toBe(200);
      await suspend(true);
      const refused = await lab.ask("/v1/chat/completions", { key: tenant.apiKey, body });
      expect([refused.status, (await refused.json()).error.code]).toEqual([403, "tenant_suspended"]);
      await suspend(false);
      expect((await lab.ask("/v1/chat/completions", { key: tenant.apiKey, body })).status).toBe(200);
    });
  });

  describe("authorisation", () => {
    it("denies by default: a developer manages no keys, an auditor runs no model", async () => {
      const tenant = await lab.newTenant();
      const body = { name: "x", roles: ["developer"] };
      expect((await lab.ask("/v1/keys", { key: tenant.apiKey, body })).status).toBe(403);
      const auditor = await lab.newKey(tenant, { roles: ["auditor"] });
      const chat = { model: "echo", messages: [user("x")] };
      const refused = await lab.ask("/v1/chat/completions", { key: auditor.secret, body: chat });
      expect(refused.status).toBe(403);
      expect((await lab.ask("/v1/ledger", { key: auditor.secret })).status).toBe(200);
    });

    it("narrows a role by scopes and says which error it is", async () => {
      const tenant = await lab.newTenant();
      const narrow = await lab.newKey(tenant, { scopes: ["model:read"] });
      expect((await models({ authorization: `Bearer ${narrow.secret}` })).status).toBe(200);
      const refused = await lab.ask("/v1/chat/completions", {
        key: narrow.secret,
        body: { model: "echo", messages: [user("x")] },
      });
      expect([refused.status, (await refused.json()).error.code]).toEqual([403, "insufficient_scope"]);
      expect(refused.headers.get("www-authenticate")).toContain("insufficient_scope");
    });

    it("lets a narrowed credential hand out no more than it has, by making a key or by taking one over", async () => {
      const tenant = await lab.newTenant();
      const narrow = await lab.newKey(tenant, { roles: ["admin"], scopes: ["key:write", "model:*"] });
      const wide = await lab.newKey(tenant, { roles: ["admin"] });
      const make = (scopes?: string[]) =>
        lab.ask("/v1/keys", {
          key: narrow.secret,
          body: { name: "x", roles: ["developer"], ...(scopes ? { scopes } : {}) },
        });
      for (const scopes of [["*"], ["inference:invoke"], ["key:*"], ["model:read", "ledger:read"]]) {
        const refused = await make(scopes);
        const { error, reasons } = await refused.json();
        expect([refused.status, error.code, error.param, reasons]).toEqual([
          403,
          "forbidden",
          "scopes",
          ["scope_not_held"],
        ]);
      }
      const taken = await lab.ask(`/v1/keys/${wide.id}/rotate`, { key: narrow.secret, body: { overlap_s: 0 } });
      expect(taken.status).toBe(403);
      expect((await models({ authorization: `Bearer ${wide.secret}` })).status).toBe(200);
      expect((await (await make(["model:read", "model:*"])).json()).scopes).toEqual(["model:read", "model:*"]);
      const own = await (await make()).json();
      expect(own.scopes).toEqual(["key:write", "model:*"]);
      const next = await lab.ask(`/v1/keys/${own.id}/rotate`, { key: narrow.secret, body: { overlap_s: 0 } });
      expect(next.status).toBe(201);
    });

    it("lets only operators of the cell see and make tenants", async () => {
      const [mine, other] = [await lab.newTenant(), await lab.newTenant()];
      expect((await lab.ask("/v1/tenants", { key: mine.adminKey, body: { name: "x" } })).status).toBe(403);
      expect([403, 404]).toContain((await lab.ask(`/v1/tenants/${other.id}`, { key: mine.adminKey })).status);
      const selected = await lab.ask("/v1/models", { key: mine.adminKey, headers: { "x-tenant": other.id } });
      expect(selected.status).toBe(403);
    });

    it("answers another tenant's task, budget and key exactly as if they had never been", async () => {
      const [owner, stranger] = [await lab.newTenant(), await lab.newTenant()];
      const chat = { model: "echo", messages: [user("x")] };
      const response = await lab.ask("/v1/chat/completions", { key: owner.apiKey, body: chat });
      const task = response.headers.get("x-bailiwick-task") ?? "";
      const key = await lab.newKey(owner);
      const pairs = [
        [`/v1/tasks/${task}`, `/v1/tasks/${task.slice(0, -4)}0000`, "GET"],
        [`/v1/keys/${key.id}`, `/v1/keys/${key.id.slice(0, -4)}0000`, "DELETE"],
      ] as const;
      for (const [theirs, never, method] of pairs) {
        const answers = await Promise.all(
          [theirs, never].map(async (path) => {
            const answer = await lab.ask(path, { key: stranger.adminKey, method });
            const { instance, ...document } = JSON.parse(await answer.text());
            return { status: answer.status, document, instance: instance.slice(0, 22) };
          }),
        );
        expect(answers[0]?.status).toBe(404);
        expect(answers[0]).toEqual(answers[1]);
      }
      expect((await lab.ask(`/v1/tasks/${task}`, { key: owner.apiKey })).status).toBe(200);
      expect((await models({ authorization: `Bearer ${key.secret}` })).status).toBe(200);
    });

    it("answers 401 to every operation without a credential but the public documents", async () => {
      const { paths }: Described = await lab.json("/openapi.json");
      const open: string[] = [];
      let asked = 0;
      for (const [path, operations] of Object.entries(paths)) {
        for (const method of Object.keys(operations).filter((name) => /^(?:get|post|put|patch|delete)$/.test(name))) {
          const concrete = path.replace(/\{[^}]+\}/g, "x");
          const send = method === "get" || method === "delete" ? {} : { body: {} };
          const response = await lab.ask(concrete, { method: method.toUpperCase(), ...send });
          const text = await response.text();
          asked++;
          if (response.status === 401) {
            const { error, code } = JSON.parse(text);
            if (path !== "/v1/messages") expect(error.code ?? code).toBe("invalid_api_key");
          } else open.push(path);
        }
      }
      expect(asked).toBeGreaterThan(25);
      const allowed =
        /^\/(?:$|health$|healthz$|readyz$|metrics$|openapi\.json$|reference|docs|\.well-known\/|v1\/workers\/token$|v2\/health\/live$)/;
      expect(open.filter((path) => !allowed.test(path))).toEqual([]);
    });
  });
}
