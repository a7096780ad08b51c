import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { FORWARDING_HEADER, verifyForwarding } from "../../shared/crypto/forwarding.ts";
import {
  apiKey,
  ask,
  bearer,
  CHAT,
  disconnect,
  EU_KEY,
  handle,
  NOW,
  OPEN,
  renew,
  shape,
  world,
} from "../../test/support/entry-world.ts";

beforeEach(renew);

describe("what a global entry counts and traces", () => {
  const requests = () =>
    world.counted.filter(([name]) => name === "bailiwick_entry_requests_total").map(([, labels]) => labels);

  it("is each call by its home and what became of it, so that an operator sees which cell is in trouble", async () => {
    await ask(bearer(OPEN));
    await ask(bearer(apiKey("eu1", "default")));
    await ask({});
    world.answer = () => Promise.reject(new Error("broken"));
    await ask(bearer(OPEN));
    await ask(bearer(OPEN), `https://api.example.com/${"x".repeat(LIMITS.urlBytesMax)}`);
    world.current = null;
    await ask(bearer(OPEN));
    expect(requests()).toEqual([
      { home: "eu1", outcome: "forwarded", http_response_status_code: 200 },
      { home: "eu1", outcome: "elsewhere", http_response_status_code: 421 },
      { home: "", outcome: "elsewhere", http_response_status_code: 421 },
      { home: "eu1", outcome: "unavailable", http_response_status_code: 503 },
      { home: "", outcome: "refused", http_response_status_code: 414 },
      { home: "", outcome: "refused", http_response_status_code: 503 },
    ]);
  });

  it("is its own time apart from the cell's, so that neither is blamed for the other's", async () => {
    world.answer = async () => {
      world.elapsedMs += 2_000;
      return Response.json({});
    };
    await ask(bearer(OPEN));
    expect(world.counted.filter(([name]) => name.endsWith("_seconds"))).toEqual([
      ["bailiwick_entry_added_seconds", { home: "eu1" }, 0],
      ["bailiwick_entry_cell_seconds", { home: "eu1" }, 2],
    ]);
  });

  it("is how many answers and sockets are under way, each taken off once it has ended, however it did", async () => {
    const ended = Promise.withResolvers<void>();
    const runtime = { source: null, disconnected: disconnect.signal, defer: () => {}, sent: () => ended.promise };
    await handle(new Request(CHAT, { method: "POST", headers: bearer(OPEN), body: "{}" }), runtime);
    const active = () =>
      world.counted.filter(([name]) => name === "bailiwick_entry_answers_active").map(([, , by]) => by);
    expect(active()).toEqual([1]);
    ended.reject(new Error("the connection broke"));
    await ended.promise.catch(() => {});
    await Promise.resolve();
    expect(active()).toEqual([1, -1]);
    let over = () => {};
    world.socketAnswer = async () => ({
      kind: "open",
      join(_runtime, told) {
        over = told;
        return new Response(null);
      },
    });
    const socket = { ...bearer(OPEN), upgrade: "websocket" };
    await ask(socket, "https://api.example.com/v1/ws", { method: "GET", body: null });
    const sockets = () => world.counted.filter(([name]) => name === "bailiwick_entry_sockets").map(([, , by]) => by);
    expect(sockets()).toEqual([1]);
    over();
    expect([sockets(), requests().at(-1)?.outcome]).toEqual([[1, -1], "socket"]);
  });

  it("joins the caller's trace, and the cell's joins it, under the proof, so that one tree tells of all three", async () => {
    world.traced = true;
    const caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await ask({ ...bearer(OPEN), traceparent: caller });
    const forwarded = `00-${"a".repeat(32)}-${"c".repeat(16)}-01`;
    expect(world.spans).toMatchObject([
      { name: "forward", attributes: { "server.address": "eu1.example.com", "http.response.status_code": 200 } },
      {
        ...{ name: "entry", parent: caller, status: "ok" },
        attributes: { "http.request.method": "POST", "bailiwick.home": "eu1", "bailiwick.outcome": "forwarded" },
      },
    ]);
    const headers = world.sent[0]?.init.headers;
    expect(headers?.get("traceparent")).toBe(forwarded);
    const call = {
      cell: "eu1",
      method: "POST",
      target: "/v1/chat/completions",
      credential: OPEN,
      traceparent: forwarded,
    };
    expect(verifyForwarding(headers?.get(FORWARDING_HEADER) ?? "", [EU_KEY], call, NOW).ok).toBe(true);
  });

  it("names no path, tenant or credential, whatever a caller writes into them", async () => {
    world.traced = true;
    world.answer = () => Promise.reject(new Error(`${CHAT}?q=canary`));
    const headers = { ...bearer(OPEN), "x-canary": "canary" };
    await ask(headers, "https://api.example.com/v1/canary?q=canary", { method: "CANARYCANARY" });
    const told = JSON.stringify([world.counted, world.spans, world.said]);
    for (const secret of ["canary", "CANARY", OPEN, "open", "/v1/"]) expect(told).not.toContain(secret);
    expect(world.spans.at(-1)?.attributes).toMatchObject({
      "error.type": "cell-unavailable",
      "http.request.method": "_OTHER",
    });
  });

  it("is shown to whoever may read it; to anybody else there is no such page", async () => {
    const page = (headers: Record<string, string>) =>
      ask(headers, "https://api.example.com/metrics", { method: "GET", body: null });
    expect(await (await page({ authorization: "Bearer scraper" })).text()).toBe("numbers");
    const [nobody, other] = [
      await page({}),
      await ask({}, "https://api.example.com/other", { method: "GET", body: null }),
    ];
    expect(await shape(nobody)).toEqual(await shape(other));
    expect(nobody.status).toBe(421);
  });
});
