import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { denoBinary, ROOT } from "../../infra/local/command.mjs";

const TLS = join(ROOT, "test/support/tls");
const hosts: string[] = [];
const server = createServer(
  { cert: readFileSync(join(TLS, "localhost.crt")), key: readFileSync(join(TLS, "localhost.key")) },
  (request, response) => {
    hosts.push(request.headers.host ?? "");
    response.end("hello");
  },
);
const port = () => (server.address() as AddressInfo).port; // safe because: it listens on TCP
beforeAll(() => new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready)));
afterAll(() => new Promise<void>((done) => server.close(() => done())));

/** The permissions of an embedded cell: the network, and files to read. */
async function asked(trusted: string | null, ...urls: string[]): Promise<string[]> {
  const file = denoBinary();
  if (file === null) throw new Error("Deno is not installed");
  const may = ["--no-prompt", "--no-lock", "--node-modules-dir=manual", "--allow-net", "--ignore-env"];
  const args = ["run", "--quiet", ...may, `--allow-read=${ROOT}`, join(ROOT, "test/runtime/egress-deno.ts"), ...urls];
  const env = { DENO_DIR: join(ROOT, "node_modules/.cache/deno"), ...(trusted === null ? {} : { DENO_CERT: trusted }) };
  const { stdout } = await promisify(execFile)(file, args, { env });
  return stdout.trim().split("\n");
}

describe("addresses that tenants name, asked by a cell on Deno with a cell's permissions", () => {
  it("are reached over TLS, so that callbacks and issuers are", async () => {
    expect(await asked(join(TLS, "authority.crt"), `https://127.0.0.1:${port()}/`)).toEqual(["200 hello"]);
    expect(hosts).toEqual([`127.0.0.1:${port()}`]);
  });

  it.each([
    ["that nobody trusts", null, "127.0.0.1"],
    ["of another name", join(TLS, "authority.crt"), "hooks.example.com"],
  ])("are refused under a certificate %s, so that nobody in between reads a callback", async (_, trusted, host) => {
    const before = hosts.length;
    const [said] = await asked(trusted, `https://${host}:${port()}/`);
    expect(said).toMatch(/certificate|altnames/i);
    expect(hosts.length).toBe(before);
  });
});
