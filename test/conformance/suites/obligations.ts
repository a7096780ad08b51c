import { describe, expect, it } from "vitest";
import { answeringBundle } from "../../support/answering-bundle.ts";
import { eventually, type Lab, marker, type Tenant, user } from "../../support/lab.ts";
import { readLedger } from "../../support/ledger.ts";
import { POLICY_TENANTS } from "../../support/test-config.ts";

const PATH = "/v1/chat/completions";
const MAIL = "alice@example.com";
const CARD = "4111 1111 1111 1111";

/** Obligations that a tenant's own policy puts on its calls; rules about each are in `test/contract/obligations.test.ts`. */
export function obligationsSuite(lab: Lab): void {
  let revision = 0;
  let tenant: Tenant | undefined;
  const actor = async (): Promise<Tenant> => {
    tenant ??= await lab.configuredTenant(POLICY_TENANTS.obliged);
    return tenant;
  };
  /** Puts a policy in force that allows everything, inference under these obligations. */
  const oblige = async (...obligations: { id: string; params?: Record<string, unknown> }[]): Promise<Tenant> => {
    const { id, adminKey } = await actor();
    const answers = { "inference:invoke": { decision: "ALLOW" as const, reasons: ["obliged"], obligations } };
    const body = await answeringBundle({ tenant: id, revision: ++revision, answers });
    const headers = { "content-type": "application/gzip" };
    await lab.json("/v1/policies/bundles", { key: adminKey, method: "PUT", headers, body });
    await lab.json(`/v1/policies/bundles/${revision}/activate`, { key: adminKey, method: "POST", body: {} });
    return actor();
  };
  const ask = (content: string, members: object = {}, headers: Record<string, string> = {}) =>
    lab.ask(PATH, {
      key: tenant?.apiKey ?? "",
      headers,
      body: { model: "echo", messages: [user(content)], ...members },
    });
  const closed = async (task: string | null) => {
    const { entries } = await eventually(
      () => readLedger(lab, tenant?.adminKey ?? ""),
      (page) => page.entries.some((entry) => entry.task === task && entry.kind === "task.closed"),
    );
    return entries.find((entry) => entry.task === task && entry.kind === "task.closed")?.detail;
  };

  describe("obligations", () => {
    it.each([false, true])(
      "take out of request and answer what detectors find, and the record says how much (stream: %s)",
      async (stream) => {
        await oblige({ id: "redact_input", params: { detectors: ["card"] } }, { id: "redact_output" });
        const mark = marker();
        const response = await ask(`${mark} mail ${MAIL} pay ${CARD} now`, { stream });
        expect(response.status).toBe(200);
        const text = await response.text();
        const [seen] = lab.upstream.about(mark);
        expect(seen?.raw).toContain(MAIL);
        expect(seen?.raw).not.toContain("4111");
        expect(text).not.toMatch(/alice|example\.com|4111|1111/);
        expect(await closed(response.headers.get("x-bailiwick-task"))).toMatchObject({
          obligations: [
            { id: "redact_input", outcome: "applied", note: "card 1" },
            { id: "redact_output", outcome: "applied" },
          ],
        });
      },
    );

    it("that cannot be met deny the call, and nothing reaches an engine", async () => {
      await oblige({ id: "redact_input", params: { detectors: ["nobody-knows-this"] } });
      const mark = marker();
      const response = await ask(mark);
      expect(response.status).toBe(403);
      expect((await response.json()).error.code).toBe("obligation_failed");
      expect(lab.upstream.about(mark)).toEqual([]);
    });

    it("apply to what an idempotency key replays, by the policy of now", async () => {
      await oblige();
      const key = { "idempotency-key": marker() };
      const content = `write to ${MAIL}`;
      expect(await (await ask(content, {}, key)).text()).toContain(MAIL);
      await oblige({ id: "redact_output" }, { id: "disclaimer", params: { text: "Made by a machine." } });
      const again = await ask(content, {}, key);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(again.headers.get("x-bailiwick-disclaimer")).toBe("Made by a machine.");
      expect(await again.text()).not.toContain(MAIL);
    });

    it("that forbid tools and other models' pools are told apart from a plain denial", async () => {
      await oblige({ id: "forbid_tools" });
      const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
      expect((await (await ask("hello", { tools })).json()).error.code).toBe("tools_forbidden");
      await oblige({ id: "pin_model", params: { model: "another-model" } });
      expect(await (await ask("hello")).json()).toMatchObject({
        error: { code: "obligation_failed" },
        obligation: "pin_model",
      });
    });
  });
}
