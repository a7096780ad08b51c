import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { batch, endpointOf } from "./batch.ts";
import { Refused, type Terminal } from "./command.ts";

describe("the endpoint of a file of requests", () => {
  const line = (body: object) =>
    JSON.stringify({ custom_id: "a", method: "POST", url: "/v1/embeddings", body: { url: "/v1/other", ...body } });

  it.each([
    ["its first line's", `${line({})}\n${line({}).replace("embeddings", "responses")}`, "/v1/embeddings"],
    [
      "that of a line that is longer than what is read",
      line({ input: "x".repeat(100) }).slice(0, -50),
      "/v1/embeddings",
    ],
    ["behind empty lines", `\n\n${line({})}`, "/v1/embeddings"],
    ["nobody's where the line is no request", '{"custom_id":"a"}', null],
    ["nobody's where the line is no JSON", "custom_id,url", null],
    ["never one that stands in a body", '{"body":{"url":"/v1/other","input":"xxxx', null],
  ])("is %s, so that nobody has to say it twice", (_, text, endpoint) => {
    expect(endpointOf(text)).toBe(endpoint);
  });
});

/** A server that never answers. */
async function listening() {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // safe because: it listens on a port
  return { server, port };
}

describe("a batch that cannot be sent", () => {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-batch-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "lines.jsonl");
  const run = async (words: string[], port: number) => {
    const variables: Record<string, string> = {
      BAILIWICK_ENDPOINT: `http://127.0.0.1:${port}`,
      BAILIWICK_API_KEY: "bw_local_default_x",
    };
    const terminal: Terminal = { out() {}, err() {}, input: async () => "", variable: (name) => variables[name] };
    return batch(["run", file, ...words], terminal).catch((thrown: unknown) => thrown);
  };

  it("says in one line that the cell does not answer, in place of a stack that nobody can act on", async () => {
    writeFileSync(file, '{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"input":"x"}}\n');
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo; // safe because: it listens on a port
    await new Promise((resolve) => closed.close(resolve));
    const refused = await run([], port);
    expect(refused).toBeInstanceOf(Refused);
    expect(String(refused)).toMatch(/does not answer; the same command tries again$/);
  });

  it("names the line that is no JSON, in place of a cell that would not answer", async () => {
    writeFileSync(file, '{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"input":"x"}}\nno line\n');
    const silent = await listening();
    const refused = await run(["--model", "m"], silent.port);
    silent.server.closeAllConnections();
    silent.server.close();
    expect(String(refused)).toContain(`a line of ${file} is no JSON: no line`);
  });
});
