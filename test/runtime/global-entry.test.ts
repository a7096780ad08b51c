import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newPair } from "../../functions/adapters/signer/new-pair.ts";
import { publicPair, verifierKeys } from "../../functions/adapters/signer/public-keys.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import { directoryDocument, signedDirectory } from "../../infra/cli/cells.ts";
import { CellId, KeyId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { FORWARDING_HEADER, forwardingKey, verifyForwarding } from "../../shared/crypto/forwarding.ts";
import { freePort } from "../support/free-port.ts";
import { ENTRIES, type GlobalEntry } from "../support/global-entries.ts";
import { eventually } from "../support/lab.ts";
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

/** What the cell does with its next call; also serves the directory. */
let serve: (request: IncomingMessage, response: ServerResponse) => unknown;
let directory = "";
let cell: Server;
let trust: string;
let cellUrl: string;

beforeAll(async () => {
  cell = createServer((request, response) => {
    if (request.url === "/directory.json") response.end(directory);
    else void serve(request, response);
  });
  await new Promise<void>((resolve) => cell.listen(0, "127.0.0.1", resolve));
  const address = cell.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  cellUrl = `http://127.0.0.1:${address.port}`;
  const nowMs = Date.now();
  const pair = newPair((nowMs - 60_000) as UnixMs); // safe because: a time in ms
  trust = JSON.stringify(keysDocument("directory", "cells", verifierKeys(pair, publicPair(pair))));
  const forwarding_keys = [KEY.kid];
  const source = {
    cells: [
      { id: CellId.parse("eu1"), jurisdiction: "eu" as const, base_url: cellUrl, forwarding_keys },
      {
        ...{ id: CellId.parse("us1"), jurisdiction: "us" as const, forwarding_keys },
        base_url: `http://127.0.0.1:${await freePort()}`,
      },
    ],
    tenants: ["eu1", "us1"].map((id) => ({
      ...{ cell: CellId.parse(id), tenant: TenantId.parse("open"), transit: "allowed" as const },
    })),
  };
  directory = signedDirectory(directoryDocument(source, { version: 1, nowMs, hours: 1 }), [pair], nowMs);
});
afterAll(() => {
  cell.closeAllConnections();
  cell.close();
});

describe.each(ENTRIES)("the global entry on %s", (_, start) => {
  let entry: GlobalEntry;
  beforeAll(async () => {
    entry = await start({
      BAILIWICK_DIRECTORY: `${cellUrl}/directory.json`,
      BAILIWICK_DIRECTORY_KEYS: trust,
      BAILIWICK_FORWARDING_KEYS: SECRET,
      BAILIWICK_LOG: "debug",
    });
  });
  afterAll(() => entry?.stop());

  it("answers where a call belongs before its body was sent, so that nothing of it needs to be", async () => {
    const socket = connect(Number(new URL(entry.url).port), "127.0.0.1");
    const head = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${apiKey("eu1", "default")}\r\ncontent-length: 20000000\r\n\r\n`;
    socket.write(head);
    const answer = await new Promise<string>((resolve, reject) => {
      socket.once("data", (data) => resolve(String(data)));
      socket.once("error", reject);
    });
    socket.destroy();
    expect(answer).toMatch(/^HTTP\/1\.1 421 /);
  });

  it("sends on what may pass: method, path, query, body and credential, with a proof that holds", async () => {
    const seen = Promise.withResolvers<{ request: IncomingMessage; body: string }>();
    serve = async (request, response) => {
      seen.resolve({ request, body: await text(request) });
      response.writeHead(201, { "x-own": "1", "set-cookie": "a=b" }).end("made");
    };
    const key = apiKey("eu1", "open");
    const asked = { key, method: "PUT", body: "some bytes", headers: { "x-forwarded-for": "203.0.113.9" } };
    const response = await plainAsk(`${entry.url}/v1/files?a=b%20c`, asked);
    expect([response.status, await response.text(), response.headers.get("x-own")]).toEqual([201, "made", "1"]);
    const { request, body } = await seen.promise;
    expect([request.method, request.url, body]).toEqual(["PUT", "/v1/files?a=b%20c", "some bytes"]);
    expect([request.headers.authorization, request.headers["x-forwarded-for"]]).toEqual([`Bearer ${key}`, undefined]);
    const call = { cell: "eu1", method: "PUT", target: "/v1/files?a=b%20c", credential: key, traceparent: null };
    const proof = verifyForwarding(String(request.headers[FORWARDING_HEADER]), [KEY], call, Date.now());
    expect(proof.ok).toBe(true);
  });

  it("streams both ways at once, so that no call waits for its own end", async () => {
    serve = (request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      request.on("data", (part) => response.write(`got ${part}`));
      request.on("end", () => response.end("."));
    };
    const up = new TransformStream<Uint8Array, Uint8Array>();
    const writer = up.writable.getWriter();
    const say = (word: string) => writer.write(new TextEncoder().encode(word));
    const init = {
      ...{ method: "POST", body: up.readable, duplex: "half" },
      headers: { authorization: `Bearer ${apiKey("eu1", "open")}` },
    } as RequestInit; // safe because: the type lacks `duplex`
    const asked = fetch(entry.url + CHAT, init);
    void say("one");
    const reader = (await asked).body?.getReader();
    const heard: string[] = [];
    for (const word of ["two", "three"]) {
      heard.push(new TextDecoder().decode((await reader?.read())?.value));
      void say(word);
    }
    heard.push(new TextDecoder().decode((await reader?.read())?.value));
    await writer.close();
    expect(heard).toEqual(["got one", "got two", "got three"]);
    await reader?.cancel();
  });

  it("ends as cut where the cell was cut, never as if complete", async () => {
    serve = (request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n", () => response.destroy());
    };
    await expect(
      (async () => (await plainAsk(entry.url + CHAT, { key: apiKey("eu1", "open"), body: "{}" })).text())(),
    ).rejects.toThrow();
  });

  it("tells the cell that the caller is gone, so that it stops what nobody reads", async () => {
    const gone = Promise.withResolvers<boolean>();
    serve = (request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "text/event-stream" });
      const beat = setInterval(() => response.write("data: 1\n\n"), 20);
      response.once("close", () => {
        clearInterval(beat);
        gone.resolve(response.writableFinished);
      });
    };
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${apiKey("eu1", "open")}` };
    const response = await fetch(entry.url + CHAT, { method: "POST", headers, body: "{}", signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    expect(await gone.promise).toBe(false);
  });

  it("names a cell that is down and says nothing of the call in its log", async () => {
    const secret = "canary-in-the-query";
    const asked = { key: apiKey("us1", "open"), body: { prompt: "canary-in-the-body" } };
    const response = await plainAsk(`${entry.url}${CHAT}?q=${secret}`, asked);
    expect([response.status, await response.json()]).toMatchObject([503, { cell: "us1", jurisdiction: "us" }]);
    // A process's own output comes by itself, not with its answer.
    const logs = await eventually(
      async () => entry.logs(),
      (text) => text.includes("cell.unreachable"),
    );
    expect(logs).toContain("cell.unreachable");
    expect(logs).not.toContain("canary");
  });
});
