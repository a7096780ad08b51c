import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackupFailed, backup, filesUnder, KEY_FILES } from "../../infra/local/backup.mjs";
import { ROOT } from "../../infra/local/command.mjs";
import { restore } from "../../infra/local/restore.mjs";
import { type Cell, startCell } from "../support/cell.ts";

const EVIDENCE_MS_MAX = 60_000;

/** A script of the project as an operator runs it. */
function script(...args: string[]): Promise<{ code: number | null; out: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (out += text));
    child.once("close", (code) => done({ code, out }));
  });
}

const asked = (cell: Cell, content: string): RequestInit => ({
  method: "POST",
  headers: { authorization: `Bearer ${cell.apiKey}`, "content-type": "application/json" },
  body: JSON.stringify({ model: "synthetic-small", messages: [{ role: "user", content }] }),
});

async function chat(cell: Cell, content: string): Promise<string> {
  const answer = await fetch(`${cell.url}/v1/chat/completions`, asked(cell, content));
  expect(answer.status, await answer.text()).toBe(200);
  return answer.headers.get("x-bailiwick-task") ?? "";
}

/** Workspaces of the first tenant, once the control database is up: it starts beside the cell. */
async function workspacesOf(cell: Cell, body?: string): Promise<string> {
  const deadline = Date.now() + EVIDENCE_MS_MAX * 2;
  for (;;) {
    const answer = await fetch(`${cell.url}/v1/workspaces`, {
      headers: { authorization: `Bearer ${cell.adminKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { method: "POST", body }),
    });
    const text = await answer.text();
    if (answer.ok) return text;
    // 404: the database is up, and its tenant is not in it yet.
    expect([503, 404], text).toContain(answer.status);
    expect(Date.now(), text).toBeLessThan(deadline);
    await new Promise((later) => setTimeout(later, 500));
  }
}

/** A task's evidence, once it is published. */
async function evidenceOf(cell: Cell, task: string): Promise<string> {
  const deadline = Date.now() + EVIDENCE_MS_MAX;
  for (;;) {
    const answer = await fetch(`${cell.url}/v1/tasks/${task}/evidence`, {
      headers: { authorization: `Bearer ${cell.adminKey}` },
    });
    const text = await answer.text();
    if (answer.status === 200) return text;
    expect([answer.status, Date.now() < deadline], text).toEqual([409, true]);
    await new Promise((later) => setTimeout(later, Number(answer.headers.get("retry-after-ms") ?? 250)));
  }
}

/** The machine may be slow: every wait inside has a bound of its own. */
const LONG_MS = 300_000;

describe("a backup of a cell that is called all the while", () => {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-backup-"));
  const taken = join(folder, "taken");
  const restored = join(folder, "restored");
  let cell: Cell;
  let early = "";
  let response = "";
  const during: number[] = [];
  let said = { code: null as number | null, out: "" };

  beforeAll(async () => {
    cell = await startCell({ runtime: "deno" });
    early = await chat(cell, "before the backup");
    await evidenceOf(cell, early);
    const stored = await fetch(`${cell.url}/v1/responses`, {
      ...asked(cell, ""),
      body: JSON.stringify({ model: "synthetic-small", input: "Keep this.", store: true }),
    });
    response = ((await stored.json()) as { id: string }).id; // safe because: a stored response has an id
    await workspacesOf(cell, JSON.stringify({ id: "kept", name: "kept-by-backup" }));
    let going = true;
    const callers = Array.from({ length: 2 }, async () => {
      while (going) {
        const answer = await fetch(`${cell.url}/v1/chat/completions`, asked(cell, "during the backup"));
        await answer.arrayBuffer();
        during.push(answer.status);
      }
    });
    try {
      said = await script(join(ROOT, "infra/local/backup.mjs"), "--home", cell.home, "--to", taken);
    } finally {
      going = false;
      await Promise.all(callers);
    }
    for (let n = 0; n < 20; n++) await chat(cell, "after the backup");
  }, LONG_MS);
  afterAll(async () => {
    await cell?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("costs no caller an answer", () => {
    expect(said).toEqual({
      code: 0,
      out: expect.stringMatching(/^\d+ files, \d+ databases checked; the cell stood still for \d+ ms\n$/),
    });
    expect(during.length).toBeGreaterThan(0);
    expect(new Set(during)).toEqual(new Set([200]));
    expect(Number(/still for (\d+)/.exec(said.out)?.[1])).toBeGreaterThan(0);
  });

  it("holds no lock and no half-written log, and nobody but its owner reads it", () => {
    const files = filesUnder(taken);
    expect(files.filter((name) => /^lock|-wal$|-shm$|^writable/.test(name))).toEqual([]);
    expect(files).toContain("root.key");
    expect(statSync(taken).mode & 0o077).toBe(0);
  });

  it(
    "is restored into a new home, where what was is there, proves itself, and goes on",
    async () => {
      expect(await script(join(ROOT, "infra/local/restore.mjs"), "--from", taken, "--home", restored)).toMatchObject({
        code: 0,
      });
      const again = await startCell({ runtime: "deno", home: restored });
      try {
        expect(again.apiKey).toBe(cell.apiKey);
        const headers = { authorization: `Bearer ${again.apiKey}` };
        const kept = await fetch(`${again.url}/v1/responses/${response}`, { headers });
        expect(kept.status).toBe(200);
        // The ledger of the restored home agrees with its archive, and is published further under its old keys.
        const late = await chat(again, "after the restore");
        const keys = join(folder, "keys.json");
        writeFileSync(keys, await (await fetch(`${again.url}/.well-known/bailiwick-keys.json`)).text());
        for (const task of [early, late]) {
          const path = join(folder, "evidence.json");
          writeFileSync(path, await evidenceOf(again, task));
          const verified = await script(join(ROOT, "infra/cli/bailiwick.mjs"), "verify", path, "--keys", keys);
          expect(verified, verified.out).toMatchObject({ code: 0 });
        }
        // Its database came along, with what was made in it.
        expect(await workspacesOf(again)).toContain("kept-by-backup");
      } finally {
        await again.stop();
      }
    },
    LONG_MS,
  );

  it("is refused when a file of it is altered, missing or new, so that nobody starts from what somebody changed", () => {
    const home = join(folder, "never");
    const victim = filesUnder(taken).find((name) => name.endsWith(".sqlite")) ?? "";
    const stranger = join(taken, "stranger");
    writeFileSync(stranger, "");
    expect(() => restore({ from: taken, home })).toThrow(/stranger is not of this backup/);
    unlinkSync(stranger);
    appendFileSync(join(taken, victim), "x");
    expect(() => restore({ from: taken, home })).toThrow(/altered/);
    unlinkSync(join(taken, victim));
    expect(() => restore({ from: taken, home })).toThrow(/missing/);
    expect(existsSync(home)).toBe(false);
    expect(() => restore({ from: taken, home: restored })).toThrow(/not empty/);
  });

  it("can leave the keys out, and is never made inside of the home or over something else", () => {
    const without = join(folder, "without");
    const { stoodStillMs } = backup({ home: cell.home, to: without, keys: false });
    expect(stoodStillMs).toBeGreaterThan(0);
    expect(filesUnder(without).filter((name) => KEY_FILES.includes(name))).toEqual([]);
    expect(restore({ from: without, home: join(folder, "keyless") }).missing).toEqual([
      "root.key",
      "signing-keys.json",
    ]);
    expect(() => backup({ home: cell.home, to: without, keys: true })).toThrow(BackupFailed);
    expect(() => backup({ home: cell.home, to: join(cell.home, "backup"), keys: true })).toThrow(/inside of the home/);
    expect(() => backup({ home: folder, to: join(folder, "x"), keys: true })).toThrow(/no home/);
  });
});
