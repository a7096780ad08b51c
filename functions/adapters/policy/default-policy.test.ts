import { describe, expect, it } from "vitest";
import { type Actor, ROLES, type Role } from "../../../shared/contracts/actor.ts";
import { policyWorld, scopesOf } from "../../../test/support/policy-world.ts";
import { CELL_ACTIONS, ROLE_ACTIONS } from "../../../test/support/role-actions.ts";
import { builtinPolicy } from "./builtin.ts";

const { decide } = policyWorld(builtinPolicy());
const ask = (action: string, actor: Partial<Actor> = {}, tenant = "acme") =>
  decide({ action, tenant, actor: { scopes: scopesOf("acme"), ...actor } });
const answer = async (...about: Parameters<typeof ask>) => (await ask(...about)).decision.decision;
const reasons = async (...about: Parameters<typeof ask>) => (await ask(...about)).decision.reasons;

const ALL = [...new Set([...CELL_ACTIONS, ...Object.values(ROLE_ACTIONS).flat()])];

describe("the default policy's table of roles", () => {
  it("gives each role exactly its row and denies the rest, so that a new action is closed until somebody opens it", async () => {
    for (const role of ROLES)
      for (const action of [...ALL, "new:thing"])
        expect(await answer(action, { roles: [role] }), `${role} ${action}`).toBe(
          ROLE_ACTIONS[role].includes(action) ? "ALLOW" : "DENY",
        );
  });

  it("keeps the promises that callers were given about roles", async () => {
    const can = (role: Role, action: string) => answer(action, { roles: [role] });
    expect(await can("auditor", "ledger:read")).toBe("ALLOW");
    expect(await can("auditor", "inference:invoke")).toBe("DENY");
    expect(await can("developer", "inference:invoke")).toBe("ALLOW");
    for (const action of ["key:write", "budget:write", "credential:write", "ledger:read", "tenant:update"])
      expect(await can("developer", action), action).toBe("DENY");
    expect(await can("operator", "inference:invoke")).toBe("DENY");
    expect(await can("operator", "key:write")).toBe("ALLOW");
    for (const action of ROLE_ACTIONS.approver) expect(action).toMatch(/:read$|^approval:/);
    for (const action of ROLE_ACTIONS.auditor) expect(action).toMatch(/:read$/);
  });

  it("denies an actor without roles, and adds up several", async () => {
    expect(await answer("model:read")).toBe("DENY");
    expect(await answer("ledger:read", { roles: ["developer", "auditor"] })).toBe("ALLOW");
    expect(await answer("inference:invoke", { roles: ["developer", "auditor"] })).toBe("ALLOW");
  });

  it("keeps the cell's actions for its operators, whatever roles a tenant gives", async () => {
    for (const action of CELL_ACTIONS) {
      if (!ROLES.some((role) => ROLE_ACTIONS[role].includes(action)))
        expect(await reasons(action, { roles: [...ROLES] }), action).toEqual(["cell_operator_only"]);
      expect(await answer(action, { roles: ["admin"], cell_operator: true }), action).toBe("ALLOW");
    }
    expect(await answer("inference:invoke", { cell_operator: true })).toBe("DENY");
  });
});

describe("scopes", () => {
  it("narrow what roles allow and never widen it", async () => {
    const granted = (...scopes: string[]) => answer("inference:invoke", { roles: ["developer"], granted: scopes });
    expect(await granted("inference:invoke")).toBe("ALLOW");
    expect(await granted("inference:*")).toBe("ALLOW");
    expect(await granted("model:read", "*")).toBe("ALLOW");
    expect(await granted()).toBe("DENY");
    for (const other of ["inference:read", "model:*", "inference", "inference:invokes", ":*"])
      expect(await granted(other), other).toBe("DENY");
    expect(await answer("ledger:read", { roles: ["developer"], granted: ["ledger:read", "*"] })).toBe("DENY");
    expect(await answer("tenant:create", { cell_operator: true, granted: ["model:read"] })).toBe("DENY");
  });

  it("are told apart from roles, so that a client asks for a scope only where one would help", async () => {
    expect(await reasons("inference:invoke", { roles: ["developer"], granted: [] })).toEqual(["insufficient_scope"]);
    expect(await reasons("inference:invoke", { roles: ["auditor"], granted: [] })).toEqual(["role"]);
    expect(await reasons("new:thing", { roles: ["admin"] })).toEqual(["unknown_action"]);
  });
});

describe("decisions of the default policy", () => {
  it("deny whatever is not inside the actor's own tenant", async () => {
    expect(await reasons("model:read", { roles: ["admin"], cell_operator: true }, "other")).toEqual(["foreign_tenant"]);
  });

  it("carry an id and the digest of the policy that answered, so that evidence can name the rules", async () => {
    const decided = [await ask("model:read", { roles: ["developer"] }), await ask("model:read")];
    expect(decided.map(({ decision }) => decision.decision)).toEqual(["ALLOW", "DENY"]);
    expect(new Set(decided.map(({ id }) => id)).size).toBe(2);
    for (const { policy_digest } of decided) expect(policy_digest).toBe(builtinPolicy().digest);
    expect(builtinPolicy().digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });
});
