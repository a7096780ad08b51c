import { execFile } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import { commitmentHex } from "../../shared/crypto/commitment.ts";
import { commitmentSalts } from "../../shared/crypto/commitment-salts.ts";
import { parseKeysFile, type TrustedKey } from "../../shared/evidence/keys-file.ts";
import { verifyExport } from "../../shared/evidence/ledger-export.ts";
import type { Report } from "../../shared/evidence/report.ts";
import { verifyTaskEvidence } from "../../shared/evidence/task-evidence.ts";
import { evidenceCell } from "../support/evidence-cell.ts";
import { TestClock } from "../support/objects-home.ts";
import { ORIGIN, TestLog, testSigner } from "../support/published-log.ts";

/** What the cell's operations answer is held against both verifiers, which know it from the specification alone. */
const NOW = Date.UTC(2026, 10, 21, 12);
const MINUTE = 60_000;
const clock = new TestClock(NOW);
const { signer } = testSigner(5, 6);
const folder = mkdtempSync(join(tmpdir(), "bailiwick-produced-"));
const keysFile = join(folder, "keys.json");
const TASK = `task_${"0".repeat(25)}1`;
const DATA_KEY = new Uint8Array(32).fill(4);
const salts = commitmentSalts(DATA_KEY, TASK);
const BODY = '{"model":"small"}';
const files = {
  evidence: join(folder, "evidence.dsse.json"),
  export: join(folder, "export.tar"),
  quiet: join(folder, "quiet.tar"),
};
let trusted: TrustedKey[];

async function save(path: string, file: string, cell: ReturnType<typeof evidenceCell>): Promise<void> {
  const response = await cell.get(path, "admin");
  const bytes = new Uint8Array(await response.arrayBuffer());
  expect(response.status).toBe(200);
  writeFileSync(file, bytes);
}

beforeAll(async () => {
  const archive = await fileSystemObjectStore({ root: join(folder, "archive"), jurisdiction: "eu", clock });
  const log = new TestLog("acme", archive, signer);
  for (let n = 0; n < 600; n++) {
    if (n === 40)
      log.append(NOW - 601 * MINUTE, {
        ...{ kind: "task.opened", action: "inference:invoke", outcome: "pending", task: TASK },
        detail: {
          ...{ call: { request: commitmentHex(salts.request, BODY) }, deadline_ms: NOW, hold_nusd: 0, intent: null },
          ...{ key: null, keyed: false, model: "small", operation: "chat.completions.create", tokens: 9 },
        },
      });
    if (n === 50)
      log.append(NOW - 600 * MINUTE, {
        ...{ kind: "task.closed", action: "inference:invoke", task: TASK },
        detail: {
          ...{ call: { response: commitmentHex(salts.response, "{}") }, cost_nusd: 7, error: null, estimated: false },
          ...{ opened: 40, result: "none", status: "OK", usage: [{ meter: "tokens_in", quantity: 3 }] },
          obligations: [{ id: "disclaimer", note: null, outcome: "applied" }],
          route: {
            ...{ chosen_by: "strategy:ordered", lane: "direct", model: "small-1", model_digest: "ab".repeat(32) },
            ...{ provider: "pool", route: "local" },
            reasons: [{ candidate: "pool:small-1", outcome: "chosen", reason: "first_choice" }],
          },
        },
      });
    log.append(NOW - (600 - n) * MINUTE - (n < 50 ? 10 * MINUTE : 0), { detail: { n } });
    if (n % 150 === 149) await log.publish(NOW);
  }
  const cell = evidenceCell({
    ...{ clock, archive, signer, dataKey: DATA_KEY, logs: { acme: log } },
    callers: { admin: { tenant: "acme", roles: ["admin"] } },
  });
  const document = JSON.stringify(keysDocument("local", ORIGIN, await signer.keys()));
  writeFileSync(keysFile, document);
  const parsed = parseKeysFile(readFileSync(keysFile));
  if (!parsed.ok) throw new Error(parsed.error.detail);
  trusted = parsed.value;
  const period = (from: number, to: number) =>
    `/v1/ledger/export?from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
  await save(`/v1/tasks/${TASK}/evidence`, files.evidence, cell);
  await save(period(NOW - 400 * MINUTE, NOW), files.export, cell);
  await save(period(NOW - 2_000 * MINUTE, NOW - 1_000 * MINUTE), files.quiet, cell);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const trust = () => ({ keys: trusted, checkpoint: null });
const failuresOf = ({ verified, checks }: Report) => [verified, checks.filter(({ verdict }) => verdict === "failed")];

describe("what the cell answers verifies", () => {
  it("as evidence of a task, with the body that was asked", () => {
    const report = verifyTaskEvidence(readFileSync(files.evidence), { ...trust(), request: Buffer.from(BODY) });
    expect(failuresOf(report)).toEqual([true, []]);
  });

  it.each(["export", "quiet"] as const)("as the %s of a period, read as a stream", async (name) => {
    expect(failuresOf(await verifyExport(createReadStream(files[name]), trust()))).toEqual([true, []]);
  });
});

/** Runs a program; answers its exit code and what it printed. Null code: it is not there. */
const run = (file: string, args: string[]) =>
  new Promise<{ code: number | null; out: string }>((resolve) => {
    execFile(file, args, { timeout: 50_000, cwd: folder }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : null;
      resolve({ code, out: `${stdout}${stderr}` });
    });
  });

describe("and for programs that share no code with it", () => {
  it.for(["evidence", "export", "quiet"] as const)("the verifier in Python agrees on %s", async (name, { skip }) => {
    if ((await run("python3", ["--version"])).code !== 0) skip("this machine has no python3");
    const script = join(import.meta.dirname, "../../infra/verify-py/bailiwick_verify.py");
    const { code, out } = await run("python3", [script, files[name], "--keys", keysFile]);
    expect([code, out]).toEqual([0, expect.stringContaining("VERIFIED")]);
  });

  it("tar lists and extracts an export, so that its entries can be read with nothing else", async ({ skip }) => {
    if ((await run("tar", ["--version"])).code !== 0) skip("this machine has no tar");
    const listed = await run("tar", ["-tf", files.export]);
    expect(listed.out.trim().split("\n").at(-1)).toBe("manifest.dsse.json");
    expect((await run("tar", ["-xf", files.export, "spans.json", "checkpoint"])).code).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, "spans.json"), "utf8"))).toMatchObject({ gaps: [], size: 602 });
    expect(readFileSync(join(folder, "checkpoint"), "utf8")).toMatch(new RegExp(`^${ORIGIN}/acme\n602\n`));
  });
});
