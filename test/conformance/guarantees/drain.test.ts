import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CellRuntime } from "../../support/cell.ts";
import { eventually, startLab, type Tenant, user, WITHOUT_DATABASE } from "../../support/lab.ts";
import { expectChained, readLedger } from "../../support/ledger.ts";

const CHAT = "/v1/chat/completions";
const RUNTIMES: readonly CellRuntime[] = ["deno", "node"];
type Started = Awaited<ReturnType<typeof startLab>>;

/** A streaming call over a bare socket: what the connection really carries until it is closed. `read: false` never reads. */
function rawStream(lab: Started, key: string, model: string, read = true) {
  const url = new URL(lab.cell.url);
  const text = JSON.stringify({ model, messages: [user("hello")], stream: true });
  const socket = connect({ host: url.hostname, port: Number(url.port) });
  const state = { received: "" };
  socket.setEncoding("utf8");
  if (read) socket.on("data", (chunk) => (state.received += chunk));
  else socket.pause();
  socket.on("error", () => undefined);
  const closed = new Promise<string>((resolve) => socket.on("close", () => resolve(state.received)));
  socket.write(
    `POST ${CHAT} HTTP/1.1\r\nhost: ${url.host}\r\nauthorization: Bearer ${key}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return { state, closed, socket };
}

const running = (lab: Started, model: string) =>
  eventually(
    async () => lab.upstream.seen.filter(({ body }) => body.model === model),
    (seen) => seen.length > 0,
  );

describe.each(RUNTIMES)("a cell on %s that is told to stop", (runtime) => {
  let lab: Started;
  let tenant: Tenant;
  beforeAll(async () => {
    lab = await startLab({ runtime, env: WITHOUT_DATABASE });
    tenant = await lab.newTenant();
  });
  afterAll(async () => {
    await lab?.stop();
  });

  it("refuses new calls with 503 draining and says so in readiness, finishes the running stream, and exits 0", async () => {
    const stream = rawStream(lab, tenant.apiKey, "held");
    await running(lab, "held");
    const exited = lab.cell.drain("SIGTERM");
    const refused = await eventually(
      () => lab.ask(CHAT, { key: tenant.apiKey, body: { model: "echo", messages: [user("x")] } }),
      (response) => response.status === 503,
    );
    const document = await refused.json();
    expect([refused.status, document.error.code]).toEqual([503, "draining"]);
    expect(Number(refused.headers.get("retry-after-ms"))).toBeGreaterThan(0);
    const [ready, health] = await Promise.all([lab.ask("/readyz"), lab.ask("/healthz")]);
    expect([ready.status, health.status]).toEqual([503, 200]);
    expect((await ready.json()).missing).toContainEqual({ name: "cell", reason: "draining" });
    lab.upstream.release();
    expect(await stream.closed).toContain("data: [DONE]\n\n");
    expect(await exited).toBe(0);
    await lab.cell.start();
    const log = await readLedger(lab, tenant.adminKey);
    expectChained(log);
    // A call that was faster than the signal is served like any other; none is left open, and none failed.
    const closed = log.entries.filter(({ kind }) => kind === "task.closed");
    for (const entry of closed) expect(entry).toMatchObject({ detail: { status: "OK" } });
    expect(log.entries.filter(({ kind }) => kind === "task.opened")).toHaveLength(closed.length);
  });
});

describe("streams that are longer than the time for draining", () => {
  it("end with an error frame and a destroyed connection, are settled with what ran, and hold up no exit", async () => {
    const outcomes = RUNTIMES.map(async (runtime) => {
      const lab = await startLab({ runtime, env: WITHOUT_DATABASE });
      try {
        const tenant = await lab.newTenant();
        await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "10" } });
        const reading = rawStream(lab, tenant.apiKey, "endless");
        const stalled = rawStream(lab, tenant.apiKey, "flood", false);
        const [endless] = await running(lab, "endless");
        const [flood] = await running(lab, "flood");
        expect(await lab.cell.drain("SIGTERM")).toBe(0);
        const received = await reading.closed;
        stalled.socket.destroy();
        expect(await endless?.over).toBe(false);
        expect(await flood?.over).toBe(false);
        const last = received.match(/data: .*\n\n/g)?.at(-1) ?? "";
        expect(JSON.parse(last.slice(6)).error).toMatchObject({ code: "draining", type: "api_error" });
        expect(received).not.toContain("[DONE]");
        expect(received.endsWith("0\r\n\r\n")).toBe(false);
        await lab.cell.start();
        const log = await readLedger(lab, tenant.adminKey);
        expectChained(log);
        const closed = log.entries.filter(({ kind }) => kind === "task.closed");
        expect(closed.map(({ detail }) => [detail.status, detail.error, detail.estimated])).toEqual([
          ["ERROR", "draining", true],
          ["ERROR", "draining", true],
        ]);
        const { data } = await lab.json("/v1/budgets", { key: tenant.adminKey });
        expect(data[0].held_nusd).toBe(0);
        expect(data[0].spent_nusd).toBeGreaterThan(0);
      } finally {
        await lab.stop();
      }
    });
    await Promise.all(outcomes);
  });

  it("do not keep an operator who asks twice", async () => {
    const lab = await startLab({ runtime: "deno", env: WITHOUT_DATABASE });
    const tenant = await lab.newTenant();
    const stream = rawStream(lab, tenant.apiKey, "endless");
    await running(lab, "endless");
    const { pid } = lab.cell;
    const exited = lab.cell.drain("SIGINT");
    await eventually(
      async () => lab.cell.logs(),
      (text) => text.includes("draining"),
    );
    process.kill(pid, "SIGINT");
    expect(await exited).toBe(130);
    expect(await stream.closed).not.toContain("[DONE]");
    await lab.stop();
  });
});
