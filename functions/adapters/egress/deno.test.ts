import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EgressRefused } from "../../../shared/contracts/ports/egress.ts";
import { isPublicAddress } from "./address.ts";
import { hostEgress } from "./deno.ts";
import type { GetOptions } from "./hops.ts";
import type { TargetRules } from "./target.ts";
import { workerdEgress } from "./workerd.ts";

const options: GetOptions = { bytes_max: 1_000, timeout_ms: 5_000, accept: "application/json" };
const servers: Server[] = [];
const hits: string[] = [];
const seenHeaders: Record<string, unknown>[] = [];
let port = 0;
let inner = 0;

async function listen(host: string, listener: RequestListener): Promise<number> {
  const server = createServer((request, response) => {
    hits.push(`${host}${request.url}`);
    seenHeaders.push(request.headers);
    listener(request, response);
  });
  servers.push(server);
  await new Promise<void>((ready) => server.listen(0, host, ready));
  return (server.address() as AddressInfo).port; // safe because: it listens on TCP
}

/** 127.0.0.1 plays the internet, 127.0.0.2 the cell's own network. */
const loopback: TargetRules = {
  protocols: ["http:"],
  permits: (address) => address === "127.0.0.1" || isPublicAddress(address),
};
const at = (path: string) => `http://127.0.0.1:${port}${path}`;

beforeAll(async () => {
  inner = await listen("127.0.0.2", (_request, response) => response.end("secret"));
  port = await listen("127.0.0.1", (request, response) => {
    const location: Record<string, string> = {
      "/once": "/ok",
      "/loop": "/loop",
      "/private": `http://127.0.0.2:${inner}/`,
      "/decimal": `http://2130706434:${inner}/`,
      "/metadata": "http://169.254.169.254/latest/meta-data/",
      "/file": "file:///etc/passwd",
      "/https": "https://127.0.0.1/",
      "/name": `http://rebind.example.com:${inner}/`,
      "/credentials": `http://user:secret@127.0.0.1:${port}/ok`,
    };
    const to = location[request.url ?? ""];
    if (to !== undefined) response.writeHead(302, { location: to, "set-cookie": "a=b" }).end();
    else if (request.url === "/big") response.end("x".repeat(1_001));
    else if (request.url === "/endless") {
      const more = () => {
        while (response.write("x".repeat(65_536)));
      };
      response.on("drain", more);
      more();
    } else if (request.url === "/silent") return;
    else if (request.url === "/cut") {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => response.destroy());
    } else response.setHeader("content-type", "application/json").end('{"ok":true}');
  });
});
afterAll(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

const resolvesTo = (...addresses: string[]) =>
  async function resolve() {
    return addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  };

const adapters = {
  host: (rules?: TargetRules) => hostEgress({ ...(rules && { rules }), resolve: resolvesTo("127.0.0.2") }),
  workerd: (rules?: TargetRules) => workerdEgress({ fetch: (url, init) => fetch(url, init) }, rules),
};

describe.each(Object.entries(adapters))("tenant calls from %s", (_name, adapter) => {
  it.each([
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://1%32%37.0.0.1/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://a.localhost/",
    "https://db.internal/",
    "https://printer.local/",
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "data:text/plain,x",
    "https://user:pass@example.com/",
    "not a url",
    "",
  ])("refuse %j before anything is sent", async (url) => {
    hits.length = 0;
    await expect(adapter().tenantGet(url, options)).rejects.toBeInstanceOf(EgressRefused);
    expect(hits).toEqual([]);
  });

  it.each(["/private", "/decimal", "/metadata", "/file", "/https", "/credentials"])(
    "refuse to follow %s, so that a public server is no way into the cell's network",
    async (path) => {
      hits.length = 0;
      await expect(adapter(loopback).tenantGet(at(path), options)).rejects.toBeInstanceOf(EgressRefused);
      expect(hits).toEqual([`127.0.0.1${path}`]);
    },
  );

  it("follow an allowed redirect without cookies, and stop after three", async () => {
    seenHeaders.length = 0;
    const answer = await adapter(loopback).tenantGet(at("/once"), options);
    expect(answer.status).toBe(200);
    expect(new TextDecoder().decode(answer.body)).toBe('{"ok":true}');
    expect(answer.headers.get("content-type")).toBe("application/json");
    for (const headers of seenHeaders) {
      expect(headers).toMatchObject({ accept: "application/json" });
      for (const secret of ["cookie", "authorization", "referer"]) expect(headers).not.toHaveProperty(secret);
    }
    hits.length = 0;
    await expect(adapter(loopback).tenantGet(at("/loop"), options)).rejects.toBeInstanceOf(EgressRefused);
    expect(hits).toHaveLength(4);
  });

  it("are bounded in bytes, also when the answer never ends", async () => {
    await expect(adapter(loopback).tenantGet(at("/big"), options)).rejects.toBeInstanceOf(EgressRefused);
    await expect(adapter(loopback).tenantGet(at("/endless"), options)).rejects.toBeInstanceOf(EgressRefused);
  });

  it("are bounded in time, end when the caller says so, and never pass a cut answer for a whole one", async () => {
    await expect(adapter(loopback).tenantGet(at("/silent"), { ...options, timeout_ms: 50 })).rejects.toMatchObject({
      name: "TimeoutError",
    });
    const controller = new AbortController();
    const running = adapter(loopback).tenantGet(at("/silent"), { ...options, signal: controller.signal });
    controller.abort(new Error("caller left"));
    await expect(running).rejects.toThrow("caller left");
    await expect(adapter(loopback).tenantGet(at("/cut"), options)).rejects.toThrow();
  });

  it("leave redirects of operator calls to their caller", async () => {
    const response = await adapter().operatorFetch(at("/private"), {});
    expect(response.status).toBe(302);
    await response.body?.cancel();
  });
});

describe("names", () => {
  it("are judged by what they resolve to, all of it, at every hop", async () => {
    hits.length = 0;
    const ask = (url: string, ...addresses: string[]) =>
      hostEgress({ rules: loopback, resolve: resolvesTo(...addresses) }).tenantGet(url, options);
    const name = (to: number) => `http://rebind.example.com:${to}/ok`;
    await expect(ask(name(inner), "127.0.0.2")).rejects.toBeInstanceOf(EgressRefused);
    await expect(ask(name(inner), "127.0.0.1", "127.0.0.2")).rejects.toBeInstanceOf(EgressRefused);
    await expect(ask(name(inner), "::ffff:127.0.0.2")).rejects.toBeInstanceOf(EgressRefused);
    await expect(ask(name(inner))).rejects.toBeInstanceOf(EgressRefused);
    expect(hits).toEqual([]);
    await expect(ask(at("/name"), "127.0.0.2")).rejects.toBeInstanceOf(EgressRefused);
    expect(hits).toEqual(["127.0.0.1/name"]);
    expect((await ask(name(port), "127.0.0.1")).status).toBe(200);
  });
});
