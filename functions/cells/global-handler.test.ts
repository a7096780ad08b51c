import { beforeEach, describe, expect, it } from "vitest";
import { FORWARDING_HEADER, verifyForwarding } from "../../shared/crypto/forwarding.ts";
import {
  apiKey,
  ask,
  bearer,
  CHAT,
  EU_KEY,
  handle,
  NOW,
  OPEN,
  readerOf,
  renew,
  shape,
  world,
} from "../../test/support/entry-world.ts";

beforeEach(renew);

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
    expect([read, world.sent.length]).toEqual([false, 0]);
  });

  it("is told the same for tenants that are there, suspended or nobody's, so that asking finds no tenant", async () => {
    const answers = await Promise.all(
      ["default", "suspended", "nobody"].map(async (tenant) => shape(await ask(bearer(apiKey("eu1", tenant))))),
    );
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    expect(world.sent).toEqual([]);
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
    const [{ url, init }] = world.sent as [(typeof world.sent)[number]]; // safe because: it was forwarded once
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
    expect(world.sent).toEqual([]);
  });

  it("is told the cell of the host name that it asked, where it has no credential", async () => {
    const response = await ask({ host: "us1.api.example.com" });
    expect([response.status, (await response.json()).cell]).toEqual([421, "us1"]);
  });

  it("streams both ways: a part goes on before the next one is there", async () => {
    const seen: string[] = [];
    const up = new TransformStream<Uint8Array, Uint8Array>();
    const down = new TransformStream<Uint8Array, Uint8Array>();
    world.answer = async () => new Response(down.readable, { headers: { "content-type": "text/event-stream" } });
    const init = { body: up.readable, duplex: "half" } as RequestInit; // safe because: the type lacks `duplex`
    const response = await ask(bearer(OPEN), CHAT, init);
    const [upstream, downstream] = [readerOf(world.sent[0]?.init.body), readerOf(response.body)];
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
    world.answer = async () => new Response(broken);
    await expect((await ask(bearer(OPEN))).text()).rejects.toThrow();
  });

  it("gets 503 with the cell's name while that is down, and no other cell is asked", async () => {
    world.answer = () =>
      Promise.reject(new TypeError("fetch failed", { cause: Object.assign(new Error(), { code: "ECONNREFUSED" }) }));
    const response = await ask(bearer(OPEN));
    expect(response.status).toBe(503);
    expect(response.headers.get("x-should-retry")).toBeNull();
    expect(await response.json()).toMatchObject({
      cell: "eu1",
      jurisdiction: "eu",
      error: { code: "cell_unavailable" },
    });
    expect([world.sent.length, world.said]).toEqual([1, ["eu1 refused"]]);
  });

  it("is not asked again by itself when it may have begun, unless a key makes that safe", async () => {
    world.answer = () => Promise.reject(new TypeError(`error sending request for ${CHAT}?prompt=secret`));
    const retry = async (headers: Record<string, string>) => (await ask(headers)).headers.get("x-should-retry");
    expect(await retry(bearer(OPEN))).toBe("false");
    expect(await retry({ ...bearer(OPEN), "idempotency-key": "k" })).toBeNull();
    expect(world.said.join()).not.toContain("secret");
  });

  it("gives its cell up when the caller goes away", async () => {
    const gone = new AbortController();
    let ended = false;
    world.answer = () =>
      new Promise((_, reject) => {
        world.sent[0]?.init.signal?.addEventListener("abort", () => {
          ended = true;
          reject(new DOMException("aborted", "AbortError"));
        });
      });
    const asked = handle(new Request(CHAT, { method: "POST", headers: bearer(OPEN), body: "{}" }), {
      ...{ source: null, disconnected: gone.signal, defer: () => {} },
    });
    gone.abort();
    expect((await asked).status).toBe(499);
    expect([ended, world.said]).toEqual([true, []]);
  });

  it("gets 503 while no directory is in force: without one nothing is known to be safe", async () => {
    world.current = null;
    const response = await ask(bearer(OPEN));
    expect([response.status, world.sent.length, world.refreshed]).toEqual([503, 0, 1]);
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
