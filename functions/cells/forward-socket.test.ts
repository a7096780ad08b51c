import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { FORWARDING_HEADER, verifyForwarding } from "../../shared/crypto/forwarding.ts";
import { apiKey, ask, bearer, CHAT, EU_KEY, NOW, OPEN, renew, shape, world } from "../../test/support/entry-world.ts";

beforeEach(renew);

describe("a socket at the global entry", () => {
  const WS = "https://api.example.com/v1/ws";
  const socket = {
    upgrade: "websocket",
    connection: "upgrade",
    "sec-websocket-key": "x",
    "sec-websocket-version": "13",
  };
  const tasks = { ...socket, "sec-websocket-protocol": "bailiwick.tasks.v1" };
  const connect = (headers: Record<string, string>, url = WS) => ask(headers, url, { method: "GET", body: null });

  it("is asked for at its cell under a proof of its own, with its subprotocols and none of its handshake", async () => {
    const offered = `bailiwick.tasks.v1, bailiwick.bearer.${OPEN}`;
    const response = await connect({ ...socket, "sec-websocket-protocol": offered });
    expect([response.status, await response.json()]).toEqual([400, { ok: false }]);
    const [{ url, init }] = world.sent as [(typeof world.sent)[number]]; // safe because: it was forwarded once
    expect([url, init]).toMatchObject(["https://eu1.example.com/v1/ws", { protocols: offered.split(", ") }]);
    expect([...init.headers.keys()].filter((name) => /websocket|upgrade|connection/.test(name))).toEqual([]);
    const call = { cell: "eu1", method: "GET", target: "/v1/ws", credential: OPEN, traceparent: null };
    expect(verifyForwarding(init.headers.get(FORWARDING_HEADER) ?? "", [EU_KEY], call, NOW).ok).toBe(true);
  });

  it("is told the same 421 as any call where it may not pass, so that asking finds no tenant", async () => {
    const answers = await Promise.all(
      ["default", "suspended", "nobody"].map(async (tenant) =>
        shape(await connect({ ...tasks, ...bearer(apiKey("eu1", tenant)) })),
      ),
    );
    expect(answers[0]).toMatchObject({ status: 421, body: { cell: "eu1", base_url: "https://eu1.example.com/v1" } });
    expect(answers.map((each) => each)).toEqual([answers[0], answers[0], answers[0]]);
    for (const headers of [tasks, { ...tasks, ...bearer(OPEN), "x-tenant": "default" }])
      expect((await connect(headers)).status).toBe(421);
    const both = { ...socket, ...bearer(OPEN), "sec-websocket-protocol": `bailiwick.bearer.${OPEN}` };
    expect(await (await connect(both)).json()).toMatchObject({ status: 421, cell: null });
    expect(world.sent).toEqual([]);
  });

  it.each([
    ["a worker's connection, which belongs to its cell", "https://api.example.com/v1/workers/connect", "websocket"],
    ["another path", CHAT, "websocket"],
    ["another protocol than WebSocket", WS, "h2c"],
  ])("is never forwarded for %s", async (_what, url, upgrade) => {
    expect((await connect({ ...tasks, ...bearer(OPEN), upgrade }, url)).status).toBe(421);
    expect(world.sent).toEqual([]);
  });

  it("gets 503 with the cell's name while that is down, and may try again", async () => {
    world.socketAnswer = () => Promise.reject(Object.assign(new Error(), { code: "ECONNREFUSED" }));
    const response = await connect({ ...tasks, ...bearer(OPEN) });
    expect([response.status, response.headers.get("x-should-retry")]).toEqual([503, null]);
    expect(await response.json()).toMatchObject({ cell: "eu1", error: { code: "cell_unavailable" } });
    expect(world.said).toEqual(["eu1 refused"]);
  });

  it("is refused where one tenant has all its room, until one of them ends, so that no caller takes everybody's", async () => {
    const overs: (() => void)[] = [];
    world.socketAnswer = async () => ({
      kind: "open",
      join(_runtime, over) {
        overs.push(over);
        return new Response(null);
      },
    });
    const open = async (key: string) => (await connect({ ...tasks, ...bearer(key) })).status;
    for (let n = 0; n < LIMITS.socketsPerTenantMax; n++) expect(await open(OPEN)).toBe(200);
    expect(await open(apiKey("eu1", "open", 8))).toBe(429);
    expect(await open(apiKey("eu1", "alsoopen"))).toBe(200);
    overs[0]?.();
    expect(await open(OPEN)).toBe(200);
    for (const over of overs) over();
    world.socketAnswer = () => Promise.reject(new Error("broken"));
    for (let n = 0; n <= LIMITS.socketsPerTenantMax; n++) expect(await open(OPEN)).toBe(503);
  });
});
