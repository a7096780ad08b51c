import { describe, expect, it } from "vitest";
import { type Lab, marker, user } from "../../support/lab.ts";

const PATH = "/v1/chat/completions";

export function idempotencySuite(lab: Lab): void {
  const keyed = (key: string, idempotency: string, body: object) =>
    lab.ask(PATH, { key, headers: { "idempotency-key": idempotency }, body });

  describe("idempotency", () => {
    it.each([false, true])(
      "replays the first answer byte for byte, so that a retry never runs or costs twice (stream: %s)",
      async (stream) => {
        const { apiKey, adminKey } = await lab.newTenant();
        const mark = marker();
        const body = { model: "echo", messages: [user(`${mark} a b c`)], stream };
        const first = await keyed(apiKey, "k-1", body);
        const text = await first.text();
        const again = await keyed(apiKey, "k-1", body);
        expect(await again.text()).toBe(text);
        expect([first.status, again.status]).toEqual([200, 200]);
        expect(first.headers.get("idempotent-replayed")).toBeNull();
        expect(again.headers.get("idempotent-replayed")).toBe("true");
        expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
        expect(lab.upstream.about(mark)).toHaveLength(1);
        const usage = await lab.json("/v1/usage?group_by=model", { key: adminKey });
        expect(usage.data).toMatchObject([{ requests: 1, cost_nusd: 20_000 }]);
      },
    );

    it("takes the key quoted or bare as the same key, and the body by meaning, not by bytes", async () => {
      const { apiKey } = await lab.newTenant();
      const mark = marker();
      await (await keyed(apiKey, "k-2", { model: "echo", messages: [user(mark)] })).text();
      const again = await lab.ask(PATH, {
        key: apiKey,
        headers: { "idempotency-key": '"k-2"' },
        body: `{ "messages": [{"content": "${mark}", "role": "user"}],\n "model": "echo" }`,
      });
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(lab.upstream.about(mark)).toHaveLength(1);
    });

    it("refuses the key for another request, so that an answer is never given to a different question", async () => {
      const { apiKey } = await lab.newTenant();
      await (await keyed(apiKey, "k-3", { model: "echo", messages: [user("a")] })).text();
      const other = await keyed(apiKey, "k-3", { model: "echo", messages: [user("b")] });
      expect(other.status).toBe(422);
      expect((await other.json()).error.code).toBe("idempotency_key_reused");
    });

    it("answers 409 with a short retry-after-ms while the first is running, and runs once", async () => {
      const { apiKey } = await lab.newTenant();
      const mark = marker();
      const body = { model: "held", messages: [user(mark)] };
      const first = keyed(apiKey, "k-4", body);
      while (lab.upstream.about(mark).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      const second = await keyed(apiKey, "k-4", body);
      expect(second.status).toBe(409);
      expect((await second.json()).error.code).toBe("idempotency_in_progress");
      expect(Number(second.headers.get("retry-after-ms"))).toBeGreaterThan(0);
      expect(second.headers.get("x-should-retry")).not.toBe("false");
      lab.upstream.release();
      expect((await first).status).toBe(200);
      expect((await keyed(apiKey, "k-4", body)).headers.get("idempotent-replayed")).toBe("true");
      expect(lab.upstream.about(mark)).toHaveLength(1);
    });

    it("gives every one of 20 parallel retries of the openai client the one answer", async () => {
      const { apiKey } = await lab.newTenant();
      const mark = marker();
      const client = lab.openai(apiKey, { maxRetries: 10 });
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          client.chat.completions.create(
            { model: "echo", messages: [user(mark)] },
            { headers: { "idempotency-key": "k-5" } },
          ),
        ),
      );
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(lab.upstream.about(mark)).toHaveLength(1);
    });

    it("keeps keys of different credentials apart, so that nobody reads another's answer by guessing", async () => {
      const tenant = await lab.newTenant();
      const other = await lab.newKey(tenant);
      const mark = marker();
      const body = { model: "echo", messages: [user(mark)] };
      await (await keyed(tenant.apiKey, "k-6", body)).text();
      const second = await keyed(other.secret, "k-6", body);
      expect(second.headers.get("idempotent-replayed")).toBeNull();
      expect(lab.upstream.about(mark)).toHaveLength(2);
    });

    it("asks who it is before it looks the key up, so that a revoked key reads no stored answer", async () => {
      const tenant = await lab.newTenant();
      const key = await lab.newKey(tenant);
      const body = { model: "echo", messages: [user("a")] };
      await (await keyed(key.secret, "k-7", body)).text();
      await lab.ask(`/v1/keys/${key.id}`, { key: tenant.adminKey, method: "DELETE" });
      expect((await keyed(key.secret, "k-7", body)).status).toBe(401);
    });

    it.each(["", '""', "a b", `"${"x".repeat(256)}"`, "x".repeat(256), "käse"])(
      "refuses a malformed key (%j) instead of running without one",
      async (bad) => {
        const { apiKey } = await lab.newTenant();
        const mark = marker();
        // Header values travel as Latin-1; `fetch` would refuse others itself.
        const response = await keyed(apiKey, bad, { model: "echo", messages: [user(mark)] });
        expect(response.status).toBe(400);
        expect((await response.json()).error.code).toBe("idempotency_key_invalid");
        expect(lab.upstream.about(mark)).toHaveLength(0);
      },
    );

    it("replays a refusal of the engine too, so that a retry never turns an error into a second charge", async () => {
      const { apiKey } = await lab.newTenant();
      const mark = marker();
      const body = { model: "status-400", messages: [user(mark)] };
      const first = await keyed(apiKey, "k-8", body);
      const again = await keyed(apiKey, "k-8", body);
      expect([first.status, again.status]).toEqual([400, 400]);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(lab.upstream.about(mark)).toHaveLength(1);
    });
  });
}
