import { beforeEach, describe, expect, it } from "vitest";
import { CellDirectory } from "../../shared/contracts/cell-directory.ts";
import { CellId, KeyId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import {
  FORWARDING_HEADER,
  type ForwardingKey,
  forwardingKey,
  verifyForwarding,
} from "../../shared/crypto/forwarding.ts";
import { tenantDigest } from "../../shared/crypto/tenant-digest.ts";
import { type DirectoryView, directoryView } from "../pipeline/locate/directory-view.ts";
import type { SocketAnswer } from "./forward-socket.ts";
import { globalHandler } from "./global-handler.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const CHAT = "https://api.example.com/v1/chat/completions";
const salt = "s".repeat(43);
const keyOf = (byte: number): ForwardingKey => {
  const key = forwardingKey(encodeBase64url(new Uint8Array(32).fill(byte)));
  if (key === null) throw new Error("no key");
  return key;
};
const EU_KEY = keyOf(1);
const cell = (id: string, jurisdiction: string, keys: string[]) => ({
  ...{ id, jurisdiction, base_url: `https://${id}.example.com`, hosts: [`${id}.api.example.com`] },
  forwarding_keys: keys,
});
const view = directoryView(
  CellDirectory.parse({
    ...{ schema_version: 1, version: 1, issued: "2026-11-21T00:00:00Z", expires: "2026-11-22T00:00:00Z", salt },
    // A cell of whose keys this entry has none.
    cells: [cell("eu1", "eu", [keyOf(9).kid, EU_KEY.kid]), cell("us1", "us", [keyOf(2).kid])],
    moved: [],
    issuers: [],
    transit: [
      tenantDigest(salt, "eu1", "open"),
      tenantDigest(salt, "eu1", "alsoopen"),
      tenantDigest(salt, "us1", "open"),
    ],
  }),
);
const apiKey = (cellId: string, tenant: string, secret = 7) =>
  mintApiKey(
    { cell: CellId.parse(cellId), tenant: TenantId.parse(tenant), kid: KeyId.parse("0123456789ab") },
    new Uint8Array(32).fill(secret),
    new Uint8Array(32).fill(9),
  ).text;
const OPEN = apiKey("eu1", "open");

let sent: { url: string; init: Omit<RequestInit, "headers"> & { headers: Headers } }[];
let said: string[];
let current: DirectoryView | null;
let answer: () => Promise<Response>;
let socketAnswer: () => Promise<SocketAnswer>;
let refreshed: number;
beforeEach(() => {
  [sent, said, current, refreshed] = [[], [], view, 0];
  answer = async () => Response.json({ ok: true });
  socketAnswer = async () => ({ kind: "refused", response: Response.json({ ok: false }, { status: 400 }) });
});
let minted = 0;
const handle = globalHandler({
  directory: {
    current: () => current,
    get due() {
      return current === null;
    },
    async refresh() {
      refreshed++;
    },
  },
  keys: new Map([[EU_KEY.kid, EU_KEY]]),
  clock: { now: () => NOW as UnixMs }, // safe because: a time in ms
  ids: { mint: (prefix) => `${prefix}_${++minted}` as never, base62: (chars) => String(++minted).padStart(chars, "0") }, // safe because: only its text is used
  async fetch(url, init) {
    sent.push({ url, init: init as (typeof sent)[number]["init"] }); // safe because: the handler passes `Headers`
    return answer();
  },
  sockets: {
    async ask(url, init) {
      sent.push({ url, init });
      return socketAnswer();
    },
  },
  unreachable: (id, kind) => said.push(`${id} ${kind}`),
});
const disconnect = new AbortController();
const ask = (headers: Record<string, string>, url = CHAT, init: RequestInit = {}) =>
  handle(new Request(url, { method: "POST", headers, body: "{}", ...init }), {
    source: "192.0.2.7",
    disconnected: disconnect.signal,
    defer: (work) => void work,
  });
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
function readerOf(body: unknown): ReadableStreamDefaultReader<Uint8Array> {
  if (!(body instanceof ReadableStream)) throw new Error("no stream");
  return body.getReader();
}
/** An answer without what is of one call alone. */
const shape = async (response: Response) => ({
  status: response.status,
  headers: [...response.headers].filter(([name]) => name !== "x-request-id"),
  body: { ...(await response.json()), instance: "" },
});

describe("a call at the global entry", () => {
  it("is told its cell with the body unread, unless its tenant allows transit", async () => {
    let read = false;
    const body = new ReadableStream(
      {
        pull(controller) {
          read = true;
          controller.enqueue(new TextEncoder().encode("secret"));
        },
      },
      { highWaterMark: 0 },
    );
    const init = { body, duplex: "half" } as RequestInit; // safe because: the type lacks `duplex`
    const response = await ask(bearer(apiKey("eu1", "default")), CHAT, init);
    expect(response.status).toBe(421);
    expect(await response.json()).toMatchObject({
      error: { code: "data_residency_mismatch" },
      ...{ cell: "eu1", jurisdiction: "eu", base_url: "https://eu1.example.com/v1" },
    });
    expect([read, sent.length]).toEqual([false, 0]);
  });

  it("is told the same for tenants that are there, suspended or nobody's, so that asking finds no tenant", async () => {
    const answers = await Promise.all(
      ["default", "suspended", "nobody"].map(async (tenant) => shape(await ask(bearer(apiKey("eu1", tenant))))),
    );
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    expect(sent).toEqual([]);
  });

  it("has one answer for everything that names no home: no credential, two, a broken one, a cell that is not there", async () => {
    const nowhere: Record<string, string>[] = [
      {},
      bearer("x"),
      bearer(OPEN.slice(0, -1)),
      bearer(apiKey("ap1", "open")),
      { ...bearer(OPEN), "x-api-key": OPEN },
    ];
    const answers = await Promise.all(nowhere.map(async (headers) => shape(await ask(headers))));
    for (const each of answers) expect(each).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ status: 421, body: { cell: null, jurisdiction: null, base_url: null } });
  });

  it("goes to the one cell of its tenant, with its own credential and a proof for this call alone", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const claims = { "x-forwarded-for": "203.0.113.9", forwarded: "for=203.0.113.9", "x-real-ip": "203.0.113.9" };
    const more = { traceparent, "x-custom": "kept", connection: "x-hop", "x-hop": "1", "accept-encoding": "gzip" };
    const response = await ask({ ...bearer(OPEN), host: "api.example.com", ...claims, ...more }, `${CHAT}?a=b`);
    expect([response.status, await response.json()]).toEqual([200, { ok: true }]);
    const [{ url, init }] = sent as [(typeof sent)[number]]; // safe because: it was forwarded once
    expect(url).toBe("https://eu1.example.com/v1/chat/completions?a=b");
    const names = [...init.headers.keys()];
    expect(names.filter((name) => /forwarded|real-ip|hop|connection/.test(name))).toEqual([FORWARDING_HEADER]);
    expect([init.headers.get("x-custom"), init.headers.get("accept-encoding")]).toEqual(["kept", "identity"]);
    expect(init.headers.get("authorization")).toBe(`Bearer ${OPEN}`);
    const call = { cell: "eu1", method: "POST", target: "/v1/chat/completions?a=b", credential: OPEN, traceparent };
    const proof = verifyForwarding(init.headers.get(FORWARDING_HEADER) ?? "", [EU_KEY], call, NOW);
    expect(proof.ok && [proof.value.client, proof.value.host]).toEqual(["192.0.2.7", "api.example.com"]);
  });

  it("is not forwarded for a tenant that another tenant's credential selects, unless that one allows it too", async () => {
    expect((await ask({ ...bearer(OPEN), "x-tenant": "default" })).status).toBe(421);
    expect((await ask({ ...bearer(OPEN), "x-tenant": "alsoopen" })).status).toBe(200);
  });

  it("is not forwarded without a key of the cell, to what workers connect to, or through another cell's host name", async () => {
    expect((await ask(bearer(apiKey("us1", "open")))).status).toBe(421);
    expect((await ask(bearer(OPEN), "https://api.example.com/v1/workers/token")).status).toBe(421);
    const wrong = await ask({ ...bearer(OPEN), host: "US1.api.example.com" });
    expect([wrong.status, (await wrong.json()).cell]).toEqual([421, "eu1"]);
    expect(sent).toEqual([]);
  });

  it("is told the cell of the host name that it asked, where it has no credential", async () => {
    const response = await ask({ host: "us1.api.example.com" });
    expect([response.status, (await response.json()).cell]).toEqual([421, "us1"]);
  });

  it("streams both ways: a part goes on before the next one is there", async () => {
    const seen: string[] = [];
    const up = new TransformStream<Uint8Array, Uint8Array>();
    const down = new TransformStream<Uint8Array, Uint8Array>();
    answer = async () => new Response(down.readable, { headers: { "content-type": "text/event-stream" } });
    const init = { body: up.readable, duplex: "half" } as RequestInit; // safe because: the type lacks `duplex`
    const response = await ask(bearer(OPEN), CHAT, init);
    const [upstream, downstream] = [readerOf(sent[0]?.init.body), readerOf(response.body)];
    const [writeUp, writeDown] = [up.writable.getWriter(), down.writable.getWriter()];
    for (const word of ["one", "two"]) {
      void writeUp.write(new TextEncoder().encode(word));
      seen.push(new TextDecoder().decode((await upstream.read()).value));
      void writeDown.write(new TextEncoder().encode(word.toUpperCase()));
      seen.push(new TextDecoder().decode((await downstream.read()).value));
    }
    expect(seen).toEqual(["one", "ONE", "two", "TWO"]);
  });

  it("ends as cut where the cell's answer was cut, never as if it were complete", async () => {
    const broken = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
      pull: (controller) => controller.error(new Error("connection reset")),
    });
    answer = async () => new Response(broken);
    await expect((await ask(bearer(OPEN))).text()).rejects.toThrow();
  });

  it("gets 503 with the cell's name while that is down, and no other cell is asked", async () => {
    answer = () =>
      Promise.reject(new TypeError("fetch failed", { cause: Object.assign(new Error(), { code: "ECONNREFUSED" }) }));
    const response = await ask(bearer(OPEN));
    expect(response.status).toBe(503);
    expect(response.headers.get("x-should-retry")).toBeNull();
    expect(await response.json()).toMatchObject({
      cell: "eu1",
      jurisdiction: "eu",
      error: { code: "cell_unavailable" },
    });
    expect([sent.length, said]).toEqual([1, ["eu1 refused"]]);
  });

  it("is not asked again by itself when it may have begun, unless a key makes that safe", async () => {
    answer = () => Promise.reject(new TypeError(`error sending request for ${CHAT}?prompt=secret`));
    const retry = async (headers: Record<string, string>) => (await ask(headers)).headers.get("x-should-retry");
    expect(await retry(bearer(OPEN))).toBe("false");
    expect(await retry({ ...bearer(OPEN), "idempotency-key": "k" })).toBeNull();
    expect(said.join()).not.toContain("secret");
  });

  it("gives its cell up when the caller goes away", async () => {
    const gone = new AbortController();
    let ended = false;
    answer = () =>
      new Promise((_, reject) => {
        sent[0]?.init.signal?.addEventListener("abort", () => {
          ended = true;
          reject(new DOMException("aborted", "AbortError"));
        });
      });
    const asked = handle(new Request(CHAT, { method: "POST", headers: bearer(OPEN), body: "{}" }), {
      ...{ source: null, disconnected: gone.signal, defer: () => {} },
    });
    gone.abort();
    expect((await asked).status).toBe(499);
    expect([ended, said]).toEqual([true, []]);
  });

  it("gets 503 while no directory is in force: without one nothing is known to be safe", async () => {
    current = null;
    const response = await ask(bearer(OPEN));
    expect([response.status, sent.length, refreshed]).toEqual([503, 0, 1]);
  });

  it("has the shape that Anthropic's clients read, where they asked", async () => {
    const response = await ask(bearer(apiKey("eu1", "default")), "https://api.example.com/v1/messages");
    expect(await response.json()).toMatchObject({
      type: "error",
      cell: "eu1",
      error: { code: "data_residency_mismatch" },
    });
  });
});

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
    const [{ url, init }] = sent as [(typeof sent)[number]]; // safe because: it was forwarded once
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
    expect(sent).toEqual([]);
  });

  it.each([
    ["a worker's connection, which belongs to its cell", "https://api.example.com/v1/workers/connect", "websocket"],
    ["another path", CHAT, "websocket"],
    ["another protocol than WebSocket", WS, "h2c"],
  ])("is never forwarded for %s", async (_what, url, upgrade) => {
    expect((await connect({ ...tasks, ...bearer(OPEN), upgrade }, url)).status).toBe(421);
    expect(sent).toEqual([]);
  });

  it("gets 503 with the cell's name while that is down, and may try again", async () => {
    socketAnswer = () => Promise.reject(Object.assign(new Error(), { code: "ECONNREFUSED" }));
    const response = await connect({ ...tasks, ...bearer(OPEN) });
    expect([response.status, response.headers.get("x-should-retry")]).toEqual([503, null]);
    expect(await response.json()).toMatchObject({ cell: "eu1", error: { code: "cell_unavailable" } });
    expect(said).toEqual(["eu1 refused"]);
  });

  it("is refused where one tenant has all its room, until one of them ends, so that no caller takes everybody's", async () => {
    const overs: (() => void)[] = [];
    socketAnswer = async () => ({
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
    socketAnswer = () => Promise.reject(new Error("broken"));
    for (let n = 0; n <= LIMITS.socketsPerTenantMax; n++) expect(await open(OPEN)).toBe(503);
  });
});
