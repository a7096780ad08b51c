import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { newPair } from "../../functions/adapters/signer/new-pair.ts";
import { publicPair, verifierKeys } from "../../functions/adapters/signer/public-keys.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import { directoryDocument, signedDirectory } from "../../infra/cli/cells.ts";
import { CellId, KeyId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { forwardingKey } from "../../shared/crypto/forwarding.ts";
import { ENTRY_METRICS } from "../../shared/telemetry/entry-metric-table.ts";
import { freePort } from "../support/free-port.ts";
import { ENTRIES, type GlobalEntry, type StartEntry } from "../support/global-entries.ts";
import { eventually } from "../support/lab.ts";
import { OtlpCollector } from "../support/otlp-collector.ts";
import { plainAsk } from "../support/plain-ask.ts";

const CHAT = "/v1/chat/completions";
const SECRET = encodeBase64url(new Uint8Array(32).fill(3));
const KEY = forwardingKey(SECRET);
if (KEY === null) throw new Error("no key");
const apiKey = (cell: string, tenant: string) =>
  mintApiKey(
    { cell: CellId.parse(cell), tenant: TenantId.parse(tenant), kid: KeyId.parse("0123456789ab") },
    new Uint8Array(32).fill(7),
    new Uint8Array(32).fill(9),
  ).text;
const OPEN = apiKey("eu1", "open");
const TOKEN = "a-token-of-whoever-scrapes-0123456789";

/** What the cell answers. */
let serve: (request: IncomingMessage, response: ServerResponse) => unknown;
let asked: IncomingMessage[] = [];
const cell = createServer((request, response) => {
  asked.push(request);
  request.resume();
  void serve(request, response);
});
const collector = new OtlpCollector();
let variables: Record<string, string>;

beforeAll(async () => {
  await once(cell.listen(0, "127.0.0.1"), "listening");
  await collector.start();
  const address = cell.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  const nowMs = Date.now();
  const pair = newPair((nowMs - 60_000) as UnixMs); // safe because: a time in ms
  const forwarding_keys = [KEY.kid];
  const down = `http://127.0.0.1:${await freePort()}`;
  const source = {
    cells: [
      {
        id: CellId.parse("eu1"),
        jurisdiction: "eu" as const,
        base_url: `http://127.0.0.1:${address.port}`,
        forwarding_keys,
      },
      { id: CellId.parse("us1"), jurisdiction: "us" as const, base_url: down, forwarding_keys },
    ],
    tenants: ["eu1", "us1"].map((id) => ({
      ...{ cell: CellId.parse(id), tenant: TenantId.parse("open"), transit: "allowed" as const },
    })),
  };
  variables = {
    BAILIWICK_DIRECTORY: signedDirectory(directoryDocument(source, { version: 7, nowMs, hours: 1 }), [pair], nowMs),
    BAILIWICK_DIRECTORY_KEYS: JSON.stringify(keysDocument("directory", "cells", verifierKeys(pair, publicPair(pair)))),
    BAILIWICK_FORWARDING_KEYS: SECRET,
  };
});
afterAll(async () => {
  cell.closeAllConnections();
  cell.close();
  await collector.stop();
});
afterEach(() => {
  asked = [];
});

const [[, onDeno]] = ENTRIES as [[string, StartEntry]]; // safe because: Deno is the first
const page = async (entry: GlobalEntry, headers: Record<string, string> = {}) => {
  const response = await plainAsk(`${entry.url}/metrics`, { headers });
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
};
const chat = (entry: GlobalEntry, key: string, headers: Record<string, string> = {}) =>
  plainAsk(entry.url + CHAT, { key, body: { model: "m" }, headers });

describe("the metrics of a global entry", () => {
  let entry: GlobalEntry;
  beforeAll(async () => {
    entry = await onDeno(variables);
  });
  afterAll(() => entry?.stop());

  it("show every metric that dashboards and alerts ask for once there were calls of each kind", async () => {
    serve = (_request, response) => response.end("ok");
    await chat(entry, OPEN);
    await chat(entry, apiKey("eu1", "default"));
    await chat(entry, apiKey("us1", "open"));
    const { status, type, text } = await page(entry);
    expect([status, type]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
    const shown = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name);
    // Of sockets and of losses there were none; what has no label is shown from the start.
    const seldom = new Set(["bailiwick_entry_sockets", "bailiwick_telemetry_dropped_total"]);
    expect(new Set(shown)).toEqual(new Set(Object.keys(ENTRY_METRICS).filter((name) => !seldom.has(name))));
    for (const line of [
      'bailiwick_entry_requests_total{home="eu1",outcome="forwarded",http_response_status_code="200"} 1',
      'bailiwick_entry_requests_total{home="eu1",outcome="elsewhere",http_response_status_code="421"} 1',
      'bailiwick_entry_requests_total{home="us1",outcome="unavailable",http_response_status_code="503"} 1',
      'bailiwick_entry_unreachable_total{home="us1",kind="refused"} 1',
      'bailiwick_entry_added_seconds_count{home="eu1"} 1',
      'bailiwick_entry_cell_seconds_count{home="eu1"} 1',
      "bailiwick_entry_directory_version 7",
    ])
      expect(text).toContain(line);
    const left = Number(/^bailiwick_entry_directory_left_seconds (\S+)$/m.exec(text)?.[1]);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(3_600);
    expect(text).not.toContain(OPEN);
    expect(text).not.toContain(CHAT);
  });

  it("count an answer as under way until its end, or its caller's, so that a drain can be seen", async () => {
    const begun = Promise.withResolvers<ServerResponse>();
    serve = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
      begun.resolve(response);
    };
    const active = async () =>
      /^bailiwick_entry_answers_active\{home="eu1"\} (\d+)$/m.exec((await page(entry)).text)?.[1] ?? "none";
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${OPEN}` };
    const asking = () => fetch(entry.url + CHAT, { method: "POST", headers, body: "{}", signal: leaving.signal });
    const first = await asking();
    expect(await active()).toBe("1");
    (await begun.promise).end();
    await first.text();
    expect(await eventually(active, (value) => value === "0")).toBe("0");
    const second = await asking();
    expect(await active()).toBe("1");
    leaving.abort();
    await expect(second.text()).rejects.toThrow();
    expect(await eventually(active, (value) => value === "0")).toBe("0");
  });
});

describe("the metrics of a global entry with a token", () => {
  it("are for whoever shows it; anybody else is told what any path tells them", async () => {
    serve = (_request, response) => response.end("the cell's own");
    const entry = await onDeno({ ...variables, BAILIWICK_METRICS_TOKEN: TOKEN });
    try {
      expect((await page(entry, { authorization: `Bearer ${TOKEN}` })).text).toContain("bailiwick_build_info");
      for (const headers of [{}, { authorization: `Bearer ${TOKEN}x` }, { authorization: TOKEN }] as Record<
        string,
        string
      >[])
        expect([(await page(entry, headers)).status, headers]).toEqual([421, headers]);
      expect((await page(entry, { authorization: `Bearer ${OPEN}` })).text).toBe("the cell's own");
    } finally {
      await entry.stop();
    }
  });

  it("are nobody's beyond loopback without one", async () => {
    const entry = await onDeno({ ...variables, HOST: "0.0.0.0" });
    try {
      expect((await page(entry)).status).toBe(421);
    } finally {
      await entry.stop();
    }
  });
});

describe.each(ENTRIES)("the spans of a global entry on %s", (_, start) => {
  let entry: GlobalEntry;
  beforeAll(async () => {
    entry = await start({
      ...{ ...variables, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_METRIC_EXPORT_INTERVAL: "1000" },
    });
  });
  afterAll(() => entry?.stop());

  it("stand between the caller's and the cell's, and say nothing of what was asked", async () => {
    serve = (_request, response) => response.writeHead(201).end("made");
    const trace = crypto.randomUUID().replaceAll("-", "");
    const traceparent = `00-${trace}-b7ad6b7169203331-01`;
    const response = await plainAsk(`${entry.url}/v1/files?q=canary`, {
      ...{ key: OPEN, body: "canary", headers: { traceparent } },
    });
    expect(response.status).toBe(201);
    const spans = await eventually(
      async () => collector.spans.filter(({ traceId }) => traceId === trace),
      (found) => found.length === 2,
    );
    const [own, forward] = [spans.find(({ name }) => name === "entry"), spans.find(({ name }) => name === "forward")];
    expect(own).toMatchObject({ parentSpanId: "b7ad6b7169203331", kind: 2, status: 1 });
    expect(own?.attributes).toMatchObject({
      ...{ "http.request.method": "POST", "http.response.status_code": "201" },
      ...{ "bailiwick.home": "eu1", "bailiwick.outcome": "forwarded" },
    });
    expect(forward).toMatchObject({ parentSpanId: own?.spanId, kind: 3, status: 1 });
    expect(asked.at(-1)?.headers.traceparent).toBe(`00-${trace}-${forward?.spanId}-01`);
    const points = await eventually(
      async () => collector.points.filter(({ name }) => name.startsWith("bailiwick.entry_")),
      (found) => found.length > 0,
    );
    expect(points.map(({ name }) => name)).toContain("bailiwick.entry_requests");
    const told = collector.bodies.join("");
    for (const secret of ["canary", OPEN, "/v1/files"]) expect(told).not.toContain(secret);
  });

  it("take a trace that its caller does not record no further, and begin one where there is none", async () => {
    serve = (_request, response) => response.end("ok");
    const unrecorded = `00-${"5".repeat(32)}-b7ad6b7169203331-00`;
    await chat(entry, OPEN, { traceparent: unrecorded });
    expect(asked.at(-1)?.headers.traceparent).toBe(unrecorded);
    await chat(entry, OPEN);
    expect(asked.at(-1)?.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });
});

describe("a global entry without a collector", () => {
  it.each(ENTRIES)("passes the caller's trace on as it came, and begins none: %s", async (_, start) => {
    serve = (_request, response) => response.end("ok");
    const entry = await start(variables);
    try {
      const traceparent = `00-${"6".repeat(32)}-b7ad6b7169203331-01`;
      await chat(entry, OPEN, { traceparent });
      expect(asked.at(-1)?.headers.traceparent).toBe(traceparent);
      await chat(entry, OPEN);
      expect(asked.at(-1)?.headers.traceparent).toBeUndefined();
    } finally {
      await entry.stop();
    }
  });
});
