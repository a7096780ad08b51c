import { beforeAll, describe, expect, it } from "vitest";
import { eventually, type Lab, marker, user } from "../../support/lab.ts";
import { readLedger } from "../../support/ledger.ts";
import { policyBundle } from "../../support/policy-bundle.ts";
import { POLICY_TENANTS } from "../../support/test-config.ts";

/** So long the tenant's policy is good from when it is made: time to put it in force and to begin a generation of 20 s. */
const LIFE_S = 12;

/**
 * A policy that ends while a generation runs under it. It is begun before all other tests of a cell and judged at its
 * place among them: for most of its time it waits, which nobody should wait for.
 */
export function policyExpirySuite(lab: Lab): void {
  let lived: Promise<void> | undefined;
  beforeAll(() => {
    lived = expireWhileRunning(lab);
    // A failure is the test's to report.
    lived.catch(() => {});
  });
  describe("a policy that expires while a generation runs", () => {
    it("ends no generation that it admitted, and lets no new effect begin before a live one is there", () => lived);
  });
}

async function expireWhileRunning(lab: Lab): Promise<void> {
  const tenant = await lab.configuredTenant(POLICY_TENANTS.expiring);
  const { data } = await lab.json("/v1/policies/bundles?limit=1", { key: tenant.adminKey });
  const revision = Number(data[0]?.revision ?? 0) + 1;
  const expiresS = Math.floor(Date.now() / 1000) + LIFE_S;
  const body = await policyBundle({ tenant: tenant.id, revision, claims: { exp: expiresS } });
  const headers = { "content-type": "application/gzip" };
  await lab.json("/v1/policies/bundles", { key: tenant.adminKey, method: "PUT", body, headers });
  await lab.json(`/v1/policies/bundles/${revision}/activate`, { key: tenant.adminKey, body: {} });

  const chat = (model: string, stream = false) =>
    lab.ask("/v1/chat/completions", {
      key: tenant.apiKey,
      body: { model, messages: [user(marker())], stream },
    });
  const running = await chat("slow", true);
  expect(running.status).toBe(200);
  const task = running.headers.get("x-bailiwick-task") ?? "";
  const text = running.text();

  const refused = await eventually(
    () => chat("small"),
    ({ status }) => status !== 200,
    2 * LIFE_S * 1000,
  );
  expect([refused.status, (await refused.json()).error.code]).toEqual([503, "policy_unavailable"]);
  expect(Date.now()).toBeGreaterThanOrEqual(expiresS * 1000);
  expect(refused.headers.get("retry-after-ms")).toBe("1000");
  // Everything of this tenant that policy decides is an effect of its own, reads included.
  expect((await lab.ask(`/v1/tasks/${task}`, { key: tenant.apiKey })).status).toBe(503);

  const whole = await text;
  expect(whole).toContain('"finish_reason":"stop"');
  expect(whole.trimEnd().endsWith("data: [DONE]")).toBe(true);

  const back = `/v1/policies/rollback?tenant=${tenant.id}`;
  await lab.json(back, { key: lab.cell.adminKey, body: {} });
  expect((await chat("small")).status).toBe(200);
  expect(await lab.task(tenant, task)).toMatchObject({ status: "OK" });
  const { entries } = await readLedger(lab, tenant.adminKey);
  const closed = entries.find(({ kind, task: of }) => kind === "task.closed" && of === task);
  const opened = entries.find(({ kind, task: of }) => kind === "task.opened" && of === task);
  expect([opened?.policy, opened?.decision]).toEqual([closed?.policy, closed?.decision]);
  const unavailable = entries.filter(
    ({ kind, detail }) => kind === "call.refused" && detail.reason === "policy_unavailable",
  );
  expect(unavailable.length).toBeGreaterThan(0);
  expect(unavailable.every(({ seq }) => seq > (opened?.seq ?? Number.NaN))).toBe(true);
}
