import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { tarHeader } from "../../functions/evidence/tar.ts";
import { ok } from "../../shared/contracts/result.ts";
import { encodeBase64 } from "../../shared/crypto/log/base64.ts";
import { formatStatement, STATEMENT_PAYLOAD_TYPE } from "../../shared/crypto/log/statement.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { readTar } from "../../shared/evidence/tar-reader.ts";
import type { Terminal } from "./command.ts";
import { tenant } from "./tenant.ts";

const folder = mkdtempSync(join(tmpdir(), "bailiwick-tenant-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
writeFileSync(at("transfer.key"), `${"A".repeat(43)}\n`);

const FILES = ["parts/000000", "parts/000001", "parts/000002", "manifest.dsse.json"];
const partOf = (name: string) => Buffer.alloc(700, name);
const statement = (names: readonly string[]) =>
  formatStatement({
    subject: names.map((name) => ({ name, digest: { sha256: sha256Hex(partOf(name)) } })),
    ...{ predicateType: "https://example.com/move", predicate: {} },
  });
const manifest = (names: readonly string[]) =>
  Buffer.from(
    JSON.stringify({
      payloadType: STATEMENT_PAYLOAD_TYPE,
      payload: encodeBase64(statement(names)),
      signatures: [{ keyid: "k", sig: "AA==" }],
    }),
  );
const PARTS = FILES.slice(0, 3);
const bytesOf = (name: string) => (name === FILES[3] ? manifest(PARTS) : partOf(name));
const END = Buffer.alloc(1_024);
const entryOf = (name: string, bytes: Buffer) =>
  Buffer.concat([tarHeader(name, bytes.length, 0), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
const entry = (name: string) => entryOf(name, bytesOf(name));

let server: Server | null = null;
afterEach(() => new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve())));

/** A cell that answers the n-th export as told; answers what was asked. */
async function cell(answers: ((response: ServerResponse, files: string[]) => void)[]) {
  const asked: number[] = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk;
    });
    request.on("end", () => {
      const { from } = JSON.parse(body) as { from: number }; // safe because: the command under test sent it
      const answer = answers[asked.length];
      asked.push(from);
      response.setHeader("content-type", "application/x-tar");
      answer?.(response, FILES.slice(from));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // safe because: it listens on a port
  const variables: Record<string, string> = {
    BAILIWICK_ENDPOINT: `http://127.0.0.1:${port}`,
    BAILIWICK_API_KEY: "key",
  };
  const terminal: Terminal = {
    ...{ out: () => {}, err: () => {}, variable: (name) => variables[name] },
    input: () => Promise.reject(new Error("unused")),
  };
  return { asked, terminal };
}

const whole = (response: ServerResponse, files: string[]) => response.end(Buffer.concat([...files.map(entry), END]));
const few = (count: number) => (response: ServerResponse, files: string[]) => whole(response, files.slice(0, count));
/** One file, and half of the next. */
const cut = (response: ServerResponse, files: string[]) => {
  const bytes = Buffer.concat(files.slice(0, 2).map(entry));
  response.write(bytes.subarray(0, 1_536 + 600), () => response.destroy());
};

async function namesIn(path: string): Promise<string[]> {
  const names: string[] = [];
  const source = (async function* () {
    yield new Uint8Array(readFileSync(path));
  })();
  for await (const file of readTar(source, () => ok(10_000))) {
    if (!file.ok) throw new Error(file.error.detail);
    expect(Buffer.from(file.value.bytes).equals(bytesOf(file.value.name))).toBe(true);
    names.push(file.value.name);
  }
  return names;
}

describe("npx bailiwick tenant export", () => {
  it("goes on with the part that it lacks, when an answer ends early or breaks off, so that no part which came whole is asked for twice", async () => {
    const { asked, terminal } = await cell([cut, few(0), few(1), whole]);
    await tenant(["export", "acme", "--out", at("a.tar"), "--transfer-key", at("transfer.key")], terminal);
    expect(asked).toEqual([0, 1, 1, 2]);
    expect(await namesIn(at("a.tar"))).toEqual(FILES);
  });

  it("gives no archive out whose parts are not those of its manifest, as when two export at once", async () => {
    const other = (response: ServerResponse, files: string[]) =>
      response.end(
        Buffer.concat([
          ...files.slice(0, -1).map(entry),
          entryOf(FILES[3] ?? "", manifest(["parts/000000", "parts/000001", "another"])),
          END,
        ]),
      );
    const { terminal } = await cell([other]);
    const done = tenant(["export", "acme", "--out", at("c.tar"), "--transfer-key", at("transfer.key")], terminal);
    await expect(done).rejects.toThrow(/other parts than its manifest lists/);
    expect(() => readFileSync(at("c.tar"))).toThrow(/ENOENT/);
  });

  it("leaves no file that looks like an archive where the cell refuses to go on", async () => {
    const refuse = (response: ServerResponse) => {
      response.statusCode = 409;
      response.end(
        JSON.stringify({ reason: "not_moving", detail: "No.", error: { code: "move_refused", message: "No." } }),
      );
    };
    const { terminal } = await cell([few(1), refuse]);
    const done = tenant(["export", "acme", "--out", at("b.tar"), "--transfer-key", at("transfer.key")], terminal);
    await expect(done).rejects.toThrow(/not_moving/);
    expect(() => readFileSync(at("b.tar"))).toThrow(/ENOENT/);
    expect(() => readFileSync(at("b.tar.part"))).toThrow(/ENOENT/);
  });
});
