import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import {
  FORWARDING_HEADER,
  type ForwardingKey,
  forwardingKey,
  signForwarding,
} from "../../shared/crypto/forwarding.ts";
import type { Deps, Incoming, Runtime } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { pinRegion } from "./pin-region.ts";
import type { AppEnv } from "./trace.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const keyOf = (byte: number): ForwardingKey => {
  const key = forwardingKey(encodeBase64url(new Uint8Array(32).fill(byte)));
  if (key === null) throw new Error("no key");
  return key;
};
const [KEY, OTHER] = [keyOf(1), keyOf(2)];
const CREDENTIAL = "bw_eu1_example";
const call = { cell: "eu1", method: "POST", target: "/v1/chat?a=b", credential: CREDENTIAL, traceparent: null };
let count = 0;
const proof = (change: Partial<typeof call> = {}, key = KEY, nowMs = NOW) =>
  signForwarding({ ...call, ...change }, { client: "203.0.113.5", host: "api.example.com" }, key, {
    nonce: String(++count).padStart(22, "0"),
    nowMs,
  });

/** Answers what the operation would see of the call. */
function cell(keys: readonly ForwardingKey[]) {
  const app = new Hono<AppEnv>();
  let seen: Incoming | null = null;
  app.use(async (c, next) => {
    const runtime: Runtime = { source: "192.0.2.1", disconnected: new AbortController().signal, defer: () => {} };
    c.set("incoming", { runtime, headers: c.req.raw.headers } as unknown as Incoming); // safe because: no other member is read
    await next();
  });
  const deps = { cell: { id: "eu1" }, clock: { now: () => NOW as UnixMs }, forwardingKeys: keys };
  app.use(pinRegion(deps as Pick<Deps, "cell" | "clock" | "forwardingKeys">)); // safe because: it reads these members
  app.all("*", (c) => {
    seen = c.var.incoming;
    return c.text("ok");
  });
  app.onError((thrown, c) => {
    if (!(thrown instanceof ProblemError)) throw thrown;
    return c.text(`${thrown.slug} ${String(thrown.extensions.members?.why ?? "")}`.trim(), 403);
  });
  return async (headers: Record<string, string>, target = "/v1/chat?a=b") => {
    seen = null;
    const request = new Request(`http://127.0.0.1${target}`, {
      ...{ method: "POST", headers: { authorization: `Bearer ${CREDENTIAL}`, ...headers } },
    });
    const text = await (await app.fetch(request)).text();
    return { text, seen: seen as Incoming | null };
  };
}

describe("where a call says that it comes from", () => {
  it("is dropped unless it is signed, so that nobody takes another address's place", async () => {
    const claims = { "x-forwarded-for": "203.0.113.9", "x-forwarded-host": "x", forwarded: "for=1", "x-real-ip": "1" };
    for (const keys of [[], [KEY]]) {
      const { seen } = await cell(keys)({ ...claims, accept: "text/plain" });
      expect([...(seen?.headers ?? [])].map(([name]) => name).sort()).toEqual(["accept", "authorization"]);
      expect([seen?.runtime.source, seen?.forwarded]).toEqual(["192.0.2.1", undefined]);
    }
  });

  it("is believed when an entry signed it for this very call", async () => {
    const { text, seen } = await cell([OTHER, KEY])({ [FORWARDING_HEADER]: proof(), "x-forwarded-for": "203.0.113.9" });
    expect(text).toBe("ok");
    expect(seen?.forwarded).toEqual({ client: "203.0.113.5", host: "api.example.com" });
    expect(seen?.runtime.source).toBe("203.0.113.5");
    expect([...(seen?.headers ?? [])].map(([name]) => name)).toEqual(["authorization"]);
    expect(seen?.runtime.disconnected).toBeInstanceOf(AbortSignal);
  });

  it("is refused when it is of another call, cell, key or time, or comes a second time", async () => {
    const ask = cell([KEY]);
    const why = async (header: string, target?: string) => (await ask({ [FORWARDING_HEADER]: header }, target)).text;
    expect(await why(proof(), "/v1/chat?a=c")).toBe("forwarding-refused mismatch");
    expect(await why(proof({ cell: "us1" }))).toBe("forwarding-refused mismatch");
    expect(await why(proof({ credential: "bw_eu1_another" }))).toBe("forwarding-refused mismatch");
    expect(await why(proof({}, OTHER))).toBe("forwarding-refused key_unknown");
    expect(await why(proof({}, KEY, NOW - LIMITS.forwardingMsMax))).toBe("forwarding-refused expired");
    expect(await why("x")).toBe("forwarding-refused malformed");
    const once = proof();
    expect([await why(once), await why(once)]).toEqual(["ok", "forwarding-refused replayed"]);
  });
});
