import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { formatKeyDocument } from "../../functions/adapters/signer/key-document.ts";
import { newPair } from "../../functions/adapters/signer/new-pair.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { forwardingKey } from "../../shared/crypto/forwarding.ts";
import { cells } from "./cells.ts";
import { Refused, type Terminal, Usage } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "bailiwick-directory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
let said: { out: string; err: string };
beforeEach(() => {
  said = { out: "", err: "" };
});
const terminal: Terminal = {
  out(text) {
    said.out += text;
  },
  err(text) {
    said.err += text;
  },
  input: () => Promise.reject(new Error("unused")),
  variable: () => undefined,
};
const run = (...words: string[]) => cells(words, terminal);

const SOURCE = `
cells:
  - { id: eu1, jurisdiction: eu, base_url: "https://eu1.example.com" }
  - { id: eu2, jurisdiction: eu, base_url: "https://eu2.example.com" }
tenants:
  - { cell: eu1, tenant: secretname, transit: allowed }
  - { cell: eu1, tenant: secretmover, now: eu2 }
`;
writeFileSync(at("cells.yml"), SOURCE);
const pair = newPair((Date.now() - 60_000) as UnixMs); // safe because: a time in ms
writeFileSync(at("keys.json"), formatKeyDocument([pair]));
const sign = (...more: string[]) =>
  run("sign", at("cells.yml"), "--keys", at("keys.json"), "--out", at("directory.json"), ...more);

describe("npx bailiwick cells", () => {
  it("signs a directory that its own trust file verifies, one version above the last", async () => {
    await sign();
    await sign();
    expect(said.err).toContain("version 2: 2 cells, 1 tenants with transit");
    await run("trust", at("keys.json"));
    writeFileSync(at("trust.json"), said.out);
    said.out = "";
    await run("show", at("directory.json"), "--keys", at("trust.json"));
    expect(said.out).toContain("version 2, until ");
    expect(said.out).toContain("1 moved, 0 issuers, 1 with transit");
  });

  it("names no tenant in what it signs, and no secret in what it publishes", async () => {
    await sign();
    const { payload } = JSON.parse(readFileSync(at("directory.json"), "utf8"));
    expect(atob(payload)).not.toContain("secretname");
    await run("trust", at("keys.json"));
    const { pairs } = JSON.parse(readFileSync(at("keys.json"), "utf8"));
    for (const seed of [pairs[0].ed25519_seed, pairs[0].ml_dsa_65_seed]) expect(said.out).not.toContain(seed);
  });

  it("refuses what is no directory, and overwrites nothing that it cannot count on from", async () => {
    writeFileSync(at("cells.yml"), SOURCE.replace("now: eu2", "now: us1"));
    await expect(sign()).rejects.toThrow(Refused);
    writeFileSync(at("cells.yml"), `${SOURCE}surprise: true\n`);
    await expect(sign()).rejects.toThrow(Refused);
    writeFileSync(at("cells.yml"), SOURCE);
    writeFileSync(at("directory.json"), "something else");
    await expect(sign()).rejects.toThrow("--version");
    expect(readFileSync(at("directory.json"), "utf8")).toBe("something else");
    await sign("--version", "7");
    expect(said.err).toContain("version 7");
    await expect(sign("--hours", "1000")).rejects.toThrow(Usage);
  });

  it("makes forwarding keys, with the id that a directory names them by", async () => {
    await run("key");
    const key = forwardingKey(said.out);
    expect(said.err).toContain(key?.kid ?? "none");
  });
});
