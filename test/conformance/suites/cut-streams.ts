import { describe, expect, it } from "vitest";
import { eventually, type Lab, marker, type Tenant, user } from "../../support/lab.ts";

const CHAT = "/v1/chat/completions";

interface Closed {
  kind: string;
  task: string;
  detail: { status: string; error: string | null; estimated: boolean; cost_nusd: number };
}

export function cutStreamsSuite(lab: Lab): void {
  /** Starts a stream, reads its first bytes and goes away; resolves when the engine has noticed. */
  async function cut(tenant: Tenant, path: string, body: object, headers: Record<string, string> = {}): Promise<void> {
    const mark = marker();
    const abort = new AbortController();
    const text = JSON.stringify({ ...body, stream: true }).replaceAll("$mark", mark);
    const response = await lab.ask(path, { key: tenant.apiKey, body: text, headers, signal: abort.signal });
    expect(response.status).toBe(200);
    await response.body?.getReader().read();
    abort.abort();
    expect(await lab.upstream.about(mark)[0]?.over).toBe(false);
  }
  const closed = async (tenant: Tenant): Promise<Closed[]> =>
    (await lab.json("/v1/ledger?limit=100", { key: tenant.adminKey })).data.filter(
      ({ kind }: Closed) => kind === "task.closed",
    );
  const budget = async (tenant: Tenant) => (await lab.json("/v1/budgets", { key: tenant.adminKey })).data[0];
  const running = async (): Promise<number> => {
    const text = await (await lab.ask("/metrics", { key: lab.cell.adminKey })).text();
    return Number(/^bailiwick_streams_active (\d+)$/m.exec(text)?.[1] ?? 0);
  };
  const SURFACES: [string, object][] = [
    [CHAT, { model: "slow", messages: [user("$mark")], max_completion_tokens: 100 }],
    ["/v1/responses", { model: "slow", input: "$mark", max_output_tokens: 100 }],
    ["/v1/messages", { model: "slow", messages: [user("$mark")], max_tokens: 100 }],
  ];

  describe("streams that their caller leaves", () => {
    it.each(SURFACES)(
      "are stopped at the engine, settled as CANCELED and charged by estimate: %s",
      async (path, body) => {
        const tenant = await lab.newTenant();
        await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "1" } });
        await cut(tenant, path, body);
        const [entry] = await eventually(
          () => closed(tenant),
          (entries) => entries.length > 0,
        );
        expect(entry?.detail).toMatchObject({ status: "CANCELED", error: "canceled", estimated: true });
        const { spent_nusd, held_nusd } = await budget(tenant);
        expect([spent_nusd, held_nusd]).toEqual([entry?.detail.cost_nusd, 0]);
        expect(spent_nusd).toBeGreaterThan(0);
        // 100 tokens of output and what the request may have been: never more than was held.
        expect(spent_nusd).toBeLessThan(100 * 2_000 + 1_000 * 1_000);
      },
    );

    it("and so is a call of which its caller has seen no byte yet, whenever it leaves", async ({ skip }) => {
      skip(lab.cell.runtime === "workerd", "stock workerd looks at a connection only when it writes");
      const tenant = await lab.newTenant();
      for (const afterMs of [0, 250]) {
        const [mark, abort] = [marker(), new AbortController()];
        const body = { model: "held", messages: [user(mark)] };
        const asked = lab.ask(CHAT, { key: tenant.apiKey, body, signal: abort.signal });
        await eventually(
          async () => lab.upstream.about(mark),
          ([call]) => call !== undefined,
        );
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        abort.abort();
        await expect(asked).rejects.toThrow();
        expect(await lab.upstream.about(mark)[0]?.over).toBe(false);
      }
      const entries = await eventually(
        () => closed(tenant),
        ({ length }) => length === 2,
      );
      expect(entries.map(({ detail }) => detail.status)).toEqual(["CANCELED", "CANCELED"]);
    });

    it("are the outcome of their key: a repeat is told so and never runs a second time", async () => {
      const tenant = await lab.newTenant();
      const mark = marker();
      const body = { model: "slow", messages: [user(mark)], stream: true };
      const headers = { "idempotency-key": "cut" };
      const abort = new AbortController();
      const first = await lab.ask(CHAT, { key: tenant.apiKey, headers, body, signal: abort.signal });
      await first.body?.getReader().read();
      abort.abort();
      expect(await lab.upstream.about(mark)[0]?.over).toBe(false);
      const repeat = () => lab.ask(CHAT, { key: tenant.apiKey, headers, body });
      const again = await eventually(repeat, ({ status }) => status !== 409);
      const document = await again.json();
      expect([again.status, document.error.code]).toEqual([499, "canceled"]);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(await (await repeat()).json()).toEqual(document);
      expect(lab.upstream.about(mark)).toHaveLength(1);
      const usage = await lab.json("/v1/usage", { key: tenant.adminKey });
      expect(usage.data).toMatchObject([{ requests: 1 }]);
    });

    it("and streams that their engine breaks are the same to their key: the stored problem, one run", async () => {
      const tenant = await lab.newTenant();
      const mark = marker();
      const body = { model: "midstream", messages: [user(mark)], stream: true };
      const ask = () => lab.ask(CHAT, { key: tenant.apiKey, headers: { "idempotency-key": "broken" }, body });
      await (await ask()).text().catch(() => "the connection is destroyed");
      const again = await eventually(ask, ({ status }) => status !== 409);
      expect([again.status, (await again.json()).error.code]).toEqual([502, "upstream_failed"]);
      expect(lab.upstream.about(mark)).toHaveLength(1);
    });

    it("in great number are all settled, and none is counted as running afterwards", async () => {
      const tenant = await lab.newTenant();
      await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "5" } });
      const streams = 30;
      const before = await running();
      await Promise.all(Array.from({ length: streams }, () => cut(tenant, ...(SURFACES[0] ?? [CHAT, {}]))));
      const entries = await eventually(
        () => closed(tenant),
        (seen) => seen.length === streams,
      );
      expect(entries.map(({ detail }) => detail.status)).toEqual(Array(streams).fill("CANCELED"));
      expect((await budget(tenant)).held_nusd).toBe(0);
      // Another test's stream may be running all the while.
      expect(await eventually(running, (count) => count <= before)).toBeLessThanOrEqual(before);
    });

    it("after the last frame leave a finished call, not a cancelled one", async () => {
      const tenant = await lab.newTenant();
      const rounds = 10;
      for (let round = 0; round < rounds; round++) {
        const abort = new AbortController();
        const body = { model: "echo", messages: [user("a b c")], stream: true };
        const response = await lab.ask(CHAT, { key: tenant.apiKey, body, signal: abort.signal });
        let text = "";
        const decoder = new TextDecoder();
        for await (const chunk of response.body ?? []) {
          text += decoder.decode(chunk);
          // Gone the moment that the answer is whole, before the connection has ended by itself.
          if (text.endsWith("data: [DONE]\n\n")) break;
        }
        abort.abort();
      }
      const entries = await closed(tenant);
      expect(entries.map(({ detail }) => detail.status)).toEqual(Array(rounds).fill("OK"));
    });
  });
}
