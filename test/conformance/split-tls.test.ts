import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { edgeTokens, objectsUri } from "../../shared/crypto/edge-token.ts";
import type { CellProcess } from "../support/cell-process.ts";
import { freePort } from "../support/free-port.ts";
import { collect, user } from "../support/lab.ts";
import { type EdgeOptions, edgeProcess } from "../support/split-cell.ts";
import { type SplitLab, startSplitLab } from "../support/split-lab.ts";
import { TcpGate } from "../support/tcp-gate.ts";

const TLS = join(import.meta.dirname, "../support/tls");
const AUTHORITY = join(TLS, "authority.crt");

interface Answer {
  status: number;
  text: string;
}
/** Asks over TLS whose authority the test knows. */
const ask = (url: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, ca: readFileSync(AUTHORITY), agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on("error", reject);
    asked.end();
  });

describe.each(["deno", "node"] as const)("edges on %s and the objects of their cell over TLS", (runtime) => {
  let split: SplitLab;
  beforeAll(async () => {
    const objectsEnv = { TLS_CERT: join(TLS, "localhost.crt"), TLS_KEY: join(TLS, "localhost.key") };
    split = await startSplitLab({ runtime, edges: 1, objectsEnv });
  });
  afterAll(() => split?.stop());
  const another = async (how: Partial<EdgeOptions>): Promise<CellProcess> =>
    edgeProcess({
      ...{ runtime, port: await freePort(), objectsUrl: split.cell.objectsUrl, home: split.cell.home },
      ...{ env: { BAILIWICK_CONFIG: join(split.cell.home, "test-config"), TEST_UPSTREAM_KEY: "x" }, ...how },
    });
  /** Numbers of refused sends by why, as the objects' process shows them to an operator. */
  async function refusals(): Promise<Record<string, number>> {
    const { text } = await ask(`${split.cell.operatorsUrl}/metrics`);
    const rows = text.matchAll(/^bailiwick_edge_refusals_total\{why="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries([...rows].map(([, why, count]) => [why, Number(count)]));
  }

  it("serve calls, streams and what is stored, as over any other connection", async () => {
    const tenant = await split.all.newTenant();
    const messages = [user("over TLS")];
    const unary = await split.all.json("/v1/chat/completions", {
      key: tenant.apiKey,
      body: { model: "echo", messages },
    });
    expect(unary.choices[0].message.content).toContain("over TLS");
    const stream = await split.all
      .openai(tenant.apiKey)
      .chat.completions.create({ model: "echo", messages, stream: true });
    expect((await collect(stream)).at(-1)?.choices[0]?.finish_reason).toBe("stop");
    expect(split.cell.objectsUrl).toMatch(/^https:/);
  });

  it("do not start where the objects' certificate is nobody's that they trust: an edge's word goes to no stranger", async () => {
    const before = await refusals();
    const edge = await another({});
    await expect(edge.start()).rejects.toThrow(
      /the objects at https:\S+ cannot be used: .*(?:certificate|UnknownIssuer)/i,
    );
    expect(await refusals()).toEqual(before);
  });

  it("do not start where the certificate is for another name", async () => {
    const gate = await TcpGate.start(Number(new URL(split.cell.objectsUrl).port), "127.0.0.2");
    try {
      const edge = await another({ trusted: AUTHORITY, objectsUrl: `https://127.0.0.2:${gate.port}` });
      await expect(edge.start()).rejects.toThrow(/the objects at https:\S+ cannot be used/);
      expect(gate.asked).toBeGreaterThan(0);
    } finally {
      await gate.stop();
    }
  });

  it("are told apart from everybody else: each send without an edge's word is counted by why", async () => {
    const before = await refusals();
    const send = (headers: Record<string, string> = {}) =>
      ask(`${split.cell.objectsUrl}/objects/calls`, headers, "POST");
    const signed = (seed: number, ageMs: number) =>
      edgeTokens(new Uint8Array(32).fill(seed), "stranger", objectsUri("local")).sign({
        ...{ now: Date.now() - ageMs, expires: Date.now() - ageMs + 60_000 },
      });
    expect((await send()).status).toBe(401);
    expect((await send({ authorization: `Bearer ${split.cell.adminKey}` })).status).toBe(401);
    expect((await send({ authorization: `Bearer ${await signed(9, 0)}` })).status).toBe(401);
    const after = await refusals();
    const more = (why: string) => (after[why] ?? 0) - (before[why] ?? 0);
    expect([more("absent"), more("invalid"), more("expired")]).toEqual([1, 2, 0]);
  });

  it("do not start under a key that the objects were not told, and are counted", async () => {
    const before = (await refusals()).invalid ?? 0;
    const env = {
      ...{ BAILIWICK_CONFIG: join(split.cell.home, "test-config"), TEST_UPSTREAM_KEY: "x" },
      ...{ BAILIWICK_EDGE_KEY: "env:STRANGE_EDGE_KEY", STRANGE_EDGE_KEY: Buffer.alloc(32, 9).toString("base64url") },
    };
    const edge = await another({ trusted: AUTHORITY, env });
    await expect(edge.start()).rejects.toThrow(/the objects at https:\S+ cannot be used/);
    expect((await refusals()).invalid ?? 0).toBeGreaterThan(before);
  });
});
