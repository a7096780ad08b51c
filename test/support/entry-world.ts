import { expect } from "vitest";
import type { SocketAnswer } from "../../functions/cells/forward-socket.ts";
import { globalHandler } from "../../functions/cells/global-handler.ts";
import { type DirectoryView, directoryView } from "../../functions/pipeline/locate/directory-view.ts";
import { CellDirectory } from "../../shared/contracts/cell-directory.ts";
import { CellId, KeyId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { Span } from "../../shared/contracts/ports/telemetry.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { type ForwardingKey, forwardingKey } from "../../shared/crypto/forwarding.ts";
import { tenantDigest } from "../../shared/crypto/tenant-digest.ts";

export const NOW = Date.parse("2026-11-21T12:00:00Z");
export const CHAT = "https://api.example.com/v1/chat/completions";
const salt = "s".repeat(43);
const keyOf = (byte: number): ForwardingKey => {
  const key = forwardingKey(encodeBase64url(new Uint8Array(32).fill(byte)));
  if (key === null) throw new Error("no key");
  return key;
};
export const EU_KEY = keyOf(1);
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
export const apiKey = (cellId: string, tenant: string, secret = 7) =>
  mintApiKey(
    { cell: CellId.parse(cellId), tenant: TenantId.parse(tenant), kid: KeyId.parse("0123456789ab") },
    new Uint8Array(32).fill(secret),
    new Uint8Array(32).fill(9),
  ).text;
export const OPEN = apiKey("eu1", "open");

/** What a test of the entry sets and sees; new before each. */
interface World {
  /** Calls that went to a cell. */
  sent: { url: string; init: Omit<RequestInit, "headers"> & { headers: Headers } }[];
  /** What was said of cells that did not answer. */
  said: string[];
  /** The directory in force. */
  current: DirectoryView | null;
  refreshed: number;
  /** What the cell answers, over HTTP and when asked for a socket. */
  answer(): Promise<Response>;
  socketAnswer(): Promise<SocketAnswer>;
  counted: [name: string, labels: Record<string, unknown>, value?: number][];
  spans: { name: string; parent: string | null; attributes: Record<string, unknown>; status: string | undefined }[];
  traced: boolean;
  elapsedMs: number;
}
const fresh = (): World => ({
  ...{ sent: [], said: [], current: view, refreshed: 0, counted: [], spans: [], traced: false, elapsedMs: 0 },
  answer: async () => Response.json({ ok: true }),
  socketAnswer: async () => ({ kind: "refused", response: Response.json({ ok: false }, { status: 400 }) }),
});
export const world = fresh();
/** For `beforeEach`. */
export const renew = (): void => void Object.assign(world, fresh());
let minted = 0;
export const handle = globalHandler({
  directory: {
    current: () => world.current,
    get due() {
      return world.current === null;
    },
    async refresh() {
      world.refreshed++;
    },
  },
  keys: new Map([[EU_KEY.kid, EU_KEY]]),
  clock: { now: () => NOW as UnixMs }, // safe because: a time in ms
  ids: { mint: (prefix) => `${prefix}_${++minted}` as never, base62: (chars) => String(++minted).padStart(chars, "0") }, // safe because: only its text is used
  async fetch(url, init) {
    world.sent.push({ url, init: init as (typeof world.sent)[number]["init"] }); // safe because: the handler passes `Headers`
    return world.answer();
  },
  sockets: {
    async ask(url, init) {
      world.sent.push({ url, init });
      return world.socketAnswer();
    },
  },
  unreachable: (id, kind) => world.said.push(`${id} ${kind}`),
  watch: {
    telemetry: {
      start: (name, traceparent, attributes = {}) => spanOf(name, traceparent, attributes),
      metrics: {
        count: (name, labels) => world.counted.push([name, labels]),
        gauge: (name, labels, delta) => world.counted.push([name, labels, delta]),
        set: () => expect.unreachable("nothing is set by a call"),
        observe: (name, labels, value) => world.counted.push([name, labels, value]),
      },
    },
    get traced() {
      return world.traced;
    },
    elapsedMs: () => world.elapsedMs,
  },
  metrics: {
    contentType: "text/plain",
    exposition: () => "numbers",
    mayRead: (headers) => headers.get("authorization") === "Bearer scraper",
  },
});
/** A span that notes how it ended. */
function spanOf(name: string, parent: string | null, given: Record<string, unknown>, at = "server"): Span {
  const attributes: Record<string, unknown> = { ...given };
  const traceparent = `00-${"a".repeat(32)}-${at === "server" ? "b".repeat(16) : "c".repeat(16)}-01`;
  return {
    traceparent,
    set: (more) => void Object.assign(attributes, more),
    rename: () => expect.unreachable("names are fixed"),
    child: (named, more = {}) => spanOf(named, traceparent, more, "client"),
    end: (status) => world.spans.push({ name, parent, attributes, status }),
  };
}
export const disconnect = new AbortController();
export const ask = (headers: Record<string, string>, url = CHAT, init: RequestInit = {}) =>
  handle(new Request(url, { method: "POST", headers, body: "{}", ...init }), {
    source: "192.0.2.7",
    disconnected: disconnect.signal,
    defer: (work) => void work,
  });
export const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
export function readerOf(body: unknown): ReadableStreamDefaultReader<Uint8Array> {
  if (!(body instanceof ReadableStream)) throw new Error("no stream");
  return body.getReader();
}
/** An answer without what is of one call alone. */
export const shape = async (response: Response) => ({
  status: response.status,
  headers: [...response.headers].filter(([name]) => name !== "x-request-id"),
  body: { ...(await response.json()), instance: "" },
});
