import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toFile } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectBooksBalance, type FaultCell, startFaultCell } from "../support/fault-cell.ts";
import { eventually, marker, type Tenant, user } from "../support/lab.ts";
import { policyBundle } from "../support/policy-bundle.ts";
import { POLICY_TENANTS } from "../support/test-config.ts";
import { observed } from "./faults/observed.ts";

const CHAT = "/v1/chat/completions";
const SIZE_MIB = 96;
const TEST_MS = 400_000;
/** What nobody could settle is charged half a minute behind its deadline. */
const ESTIMATED_MS_MAX = 120_000;
const root = process.getuid?.() === 0;
/** The shortest deadline: what nobody settled is closed thirty seconds behind it. */
const SHORT = { "x-bailiwick-deadline-ms": "1000" };
const compiler = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].find((path) => existsSync(path)) ?? null;

/** What everybody does with a cell, each by its name: the status, or `cut`. */
async function everything(at: FaultCell, tenant: Tenant, policy: Tenant): Promise<Record<string, number | "cut">> {
  const { lab } = at;
  const body = { model: "echo", messages: [user(marker())] };
  const upload = async () => {
    const form = new FormData();
    form.append("purpose", "user_data");
    form.append("file", await toFile(Buffer.alloc(200_000, 7), "in"));
    return fetch(`${at.cell.url}/v1/files`, {
      ...{ method: "POST", body: form, headers: { authorization: `Bearer ${tenant.apiKey}` } },
    });
  };
  const calls: Record<string, () => Promise<Response>> = {
    call: () => lab.ask(CHAT, { key: tenant.apiKey, body, headers: SHORT }),
    keyed: () => lab.ask(CHAT, { key: tenant.apiKey, body, headers: { ...SHORT, "idempotency-key": marker() } }),
    task: () =>
      lab.ask("/v1/tasks", {
        key: tenant.apiKey,
        body: { intent: "chat", model: "echo", input: marker(), deadline_ms: 5_000 },
      }),
    key: () => lab.ask("/v1/keys", { key: tenant.adminKey, body: { name: "more", roles: ["developer"] } }),
    tenant: () => lab.ask("/v1/tenants", { key: at.cell.adminKey, body: { name: "More", privacy: "allow-api" } }),
    erasure: () =>
      lab.ask("/v1/erasures", { key: tenant.adminKey, body: { scope: "subject", subject: `nobody-${marker()}` } }),
    policy: async () => {
      const archive = await policyBundle({ tenant: policy.id, revision: ++revision });
      const headers = { "content-type": "application/gzip" };
      return lab.ask("/v1/policies/bundles", { key: policy.adminKey, method: "PUT", body: archive, headers });
    },
    file: upload,
  };
  const told: Record<string, number | "cut"> = {};
  for (const [name, call] of Object.entries(calls)) {
    try {
      const response = await call();
      await response.arrayBuffer();
      told[name] = response.status;
    } catch {
      told[name] = "cut";
    }
  }
  return told;
}
let revision = 0;

const LINES = 30;
/** A batch whose lines take a second each; answers what holds once it is done. */
async function beginBatch({ lab, upstream }: FaultCell, tenant: Tenant): Promise<() => Promise<string>> {
  const client = lab.openai(tenant.apiKey);
  const mark = marker();
  const lines = Array.from({ length: LINES }, (_, at) =>
    JSON.stringify({
      ...{ custom_id: `c${at}`, method: "POST", url: CHAT },
      body: { model: "paced", messages: [user(`${mark} ${at}.`)] },
    }),
  );
  const file = await client.files.create({ file: await toFile(Buffer.from(lines.join("\n")), "in"), purpose: "batch" });
  const { id } = await client.batches.create({ input_file_id: file.id, endpoint: CHAT, completion_window: "24h" });
  await eventually(
    async () => upstream.about(mark).length,
    (count) => count > 0,
    30_000,
  );
  return async () => {
    const done = await eventually(
      () => client.batches.retrieve(id),
      ({ status }) => status === "completed",
      120_000,
    );
    const linesOf = async (name: string | null | undefined) =>
      name ? (await (await client.files.content(name)).text()).trim().split("\n") : [];
    const answered = await linesOf(done.output_file_id);
    const failed = await linesOf(done.error_file_id);
    const ids = new Set([...answered, ...failed].map((line) => JSON.parse(line).custom_id));
    expect([done.status, ids.size, answered.length + failed.length]).toEqual(["completed", LINES, LINES]);
    // What an engine was asked before the fault and nobody could keep is not asked again.
    for (let line = 0; line < LINES; line++) expect(upstream.about(`${mark} ${line}.`).length).toBeLessThanOrEqual(1);
    return `a batch of ${LINES} ends with one result a line (${failed.length} of unknown outcome)`;
  };
}

/** The ledger of a tenant, published and exported. */
async function exported({ lab }: FaultCell, tenant: Tenant): Promise<number> {
  const response = await eventually(
    () => lab.ask("/v1/ledger/export", { key: tenant.adminKey }),
    ({ status }) => status === 200,
    60_000,
  );
  await response.arrayBuffer();
  expect(response.status).toBe(200);
  return response.status;
}
const say = (told: Record<string, number | "cut">): string =>
  Object.entries(told)
    .map(([name, status]) => `${name} ${status}`)
    .join(", ");

const REFUSED: readonly (number | "cut")[] = [429, 503, 507];
/** What was neither refused with a reason to come back nor done: a defect's bare 500, a broken connection. */
const odd = (told: Record<string, number | "cut">): string[] =>
  good(told).filter((each) => !REFUSED.some((status) => each.endsWith(`: ${status}`)));
const good = (told: Record<string, number | "cut">): string[] =>
  Object.entries(told).flatMap(([name, status]) =>
    typeof status === "number" && status >= 200 && status < 300 ? [] : [`${name}: ${status}`],
  );

describe.skipIf(!root)("a cell whose disk is full (skipped: only root mounts a small disk)", () => {
  let folder: string;
  let at: FaultCell;
  let tenant: Tenant;
  let policy: Tenant;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "bailiwick-disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE_MIB}m`, "tmpfs", folder]);
    at = await startFaultCell({ home: join(folder, "home") });
    tenant = await at.tenant();
    policy = await at.lab.configuredTenant(POLICY_TENANTS.lifecycle);
  });
  afterAll(async () => {
    await at?.stop();
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  });

  const filler = () => join(folder, "filler");
  /** Nothing is left for anybody. */
  const fill = () => {
    const block = Buffer.alloc(64 * 1024);
    const blocks: Buffer[] = [];
    const { bavail, bsize } = statfsSync(folder);
    for (let left = bavail * bsize; left > 0; left -= block.length)
      blocks.push(block.subarray(0, Math.min(left, block.length)));
    try {
      writeFileSync(filler(), Buffer.concat(blocks));
    } catch (cause) {
      expect(String(cause)).toContain("ENOSPC");
    }
    const rest = statfsSync(folder);
    expect(rest.bavail).toBe(0);
  };

  it(
    "refuses what it could not keep, does nothing by halves, and goes on by itself once there is room",
    async () => {
      expect(good(await everything(at, tenant, policy))).toEqual([]);
      const before = await expectBooksBalance(at.lab, tenant);
      // Of a tenant of its own: a line that nobody could settle is open until the deadline of lines has passed.
      const batch = await beginBatch(at, await at.tenant());
      // A stream that was admitted while there was room, and ends while there is none.
      const mark = marker();
      const held = at.lab.ask(CHAT, {
        ...{ key: tenant.apiKey, headers: SHORT },
        body: { model: "paced", stream: true, messages: [user(mark)] },
      });
      await eventually(
        async () => at.upstream.about(mark).length,
        (count) => count > 0,
      );
      fill();
      const stream = await held.then((response) => response.text()).catch(() => "cut");
      expect(stream.endsWith("data: [DONE]\n\n")).toBe(false);
      const told = await everything(at, tenant, policy);
      expect(odd(told)).toEqual([]);
      expect(good(told).length).toBeGreaterThan(0);
      // It lives and says so; reading needs no room. Whoever sends traffic is told to send it elsewhere, and why.
      expect((await at.lab.ask("/healthz")).status).toBe(200);
      const unready = await at.lab.ask("/readyz");
      expect([unready.status, await unready.json()]).toEqual([
        503,
        expect.objectContaining({ status: "unready", missing: [{ name: "disk", reason: "ENOSPC" }] }),
      ]);
      const ledger = await at.lab.ask("/v1/ledger?limit=1", { key: tenant.adminKey });
      expect([200, 503]).toContain(ledger.status);
      rmSync(filler());
      const healed = await eventually(
        () => everything(at, tenant, policy),
        (now) => good(now).length === 0,
        60_000,
      );
      expect(good(healed)).toEqual([]);
      expect((await at.lab.ask("/readyz")).status).toBe(200);
      const lines = await batch();
      const after = await expectBooksBalance(at.lab, tenant, ESTIMATED_MS_MAX);
      await exported(at, tenant);
      expect(after.tasks).toBeGreaterThan(before.tasks);
      await at.cell.kill9();
      await at.cell.start();
      expect(await expectBooksBalance(at.lab, tenant)).toEqual(after);
      observed(
        "disk-full",
        "deno",
        `full: ${say(told)}; the stream that was open ended without its end; with room again all of it works without a restart; ${after.tasks} tasks (${after.abandoned} closed as estimates), ${after.entries} entries, one sum, before and after a kill; ${lines}; the ledger is published`,
      );
    },
    TEST_MS,
  );
});

describe.skipIf(compiler === null)(
  "a cell whose writes are never durable (skipped: no C compiler on this machine)",
  () => {
    let at: FaultCell;
    let tenant: Tenant;
    let policy: Tenant;
    const folder = mkdtempSync(join(tmpdir(), "bailiwick-sync-"));
    const fault = join(folder, "fault");
    beforeAll(async () => {
      const library = join(folder, "sync-fault.so");
      const source = join(import.meta.dirname, "../support/sync-fault.c");
      execFileSync(compiler ?? "cc", ["-shared", "-fPIC", "-O1", "-o", library, source], { stdio: "pipe" });
      at = await startFaultCell({ processEnv: { LD_PRELOAD: library, SYNC_FAULT_FILE: fault } });
      tenant = await at.tenant();
      policy = await at.lab.configuredTenant(POLICY_TENANTS.lifecycle);
    });
    afterAll(async () => {
      await at?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it(
      "answers nobody that something is done, and goes on with what is on disk once syncs work",
      async () => {
        expect(good(await everything(at, tenant, policy))).toEqual([]);
        const before = await expectBooksBalance(at.lab, tenant);
        // Of a tenant of its own: a line that nobody could settle is open until the deadline of lines has passed.
        const batch = await beginBatch(at, await at.tenant());
        writeFileSync(fault, "");
        const told = await everything(at, tenant, policy);
        expect([odd(told), good(told).length]).toEqual([[], Object.keys(told).length]);
        rmSync(fault);
        const healed = await eventually(
          () => everything(at, tenant, policy),
          (now) => good(now).length === 0,
          60_000,
        );
        expect(good(healed)).toEqual([]);
        const lines = await batch();
        const after = await expectBooksBalance(at.lab, tenant, ESTIMATED_MS_MAX);
        await exported(at, tenant);
        expect(after.tasks).toBeGreaterThan(before.tasks);
        await at.cell.kill9();
        await at.cell.start();
        expect(await expectBooksBalance(at.lab, tenant)).toEqual(after);
        observed(
          "sync-error",
          "deno",
          `while every sync fails: ${say(told)}; afterwards all of it works without a restart; ${after.tasks} tasks, ${after.abandoned} of them closed as estimates, one sum, before and after a kill; ${lines}; the ledger is published`,
        );
      },
      TEST_MS,
    );
  },
);
