import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../infra/local/command.mjs";
import { eventually, type Tenant } from "../support/lab.ts";
import { BUNDLE_SECRET } from "../support/policy-bundle.ts";
import type { PoolWorker } from "../support/pool-worker.ts";
import { queueWorldBinaries, startQueueWorld } from "../support/queue-world.ts";
import { POLICY_TENANTS } from "../support/test-config.ts";
import { auditHome, verified } from "./audit.ts";
import { expectEverythingEnded, exportOf } from "./ending.ts";
import { SOAK_FAULTS } from "./faults.ts";
import { drive } from "./load.ts";
import { type SoakResult, soakPage } from "./report.ts";
import { abandonedConnections, type Sample, sample } from "./samples.ts";
import { Tally } from "./tally.ts";

const USAGE = `npm run soak -- [options]
  --minutes 60        how long the load goes on; checks come behind it and take some minutes
  --fault-every 150   seconds from the end of one fault to the begin of the next; 0: none
  --sample-every 10   seconds between two samples
  --runtime deno      of the cell: deno or node
  --no-page           writes the results only, not docs/soak.md`;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    "fault-every": { type: "string", default: "150" },
    "sample-every": { type: "string", default: "10" },
    runtime: { type: "string", default: "deno" },
    page: { type: "boolean", default: true },
    help: { type: "boolean", default: false },
  },
  allowNegative: true,
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
/** What a caller feels of a fault that has ended: a lease, the return of a worker, the outbox's longest wait. */
const HEALED_MS = 60_000;
/** No fault in the last part, so that what it left has time to heal under load. */
const CALM_END_MS = 60_000;
/** What the engine remembers of calls; old ones are forgotten, or the engine would be the leak. */
const SEEN_MAX = 4_000;
const PROGRESS_EVERY = 3;
const MINUTE_MS = 60_000;

const runtime = values.runtime === "node" ? "node" : "deno";
const durationMs = Number(values.minutes) * MINUTE_MS;
const faultEveryMs = Number(values["fault-every"]) * 1_000;
const sampleEveryMs = Number(values["sample-every"]) * 1_000;
if (!(durationMs > 0) || !(sampleEveryMs > 0) || !(faultEveryMs >= 0)) throw new Error(USAGE);
const say = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

const bin = queueWorldBinaries();
if (bin === null) throw new Error("the soak needs PostgreSQL, whose read models are held against the ledger");
const home = mkdtempSync(join(tmpdir(), "bailiwick-soak-"));
say(`a cell on ${runtime} in ${home}, for ${values.minutes} minutes`);
const world = await startQueueWorld(bin, {
  ...{ runtime, home },
  env: { TEST_BUNDLE_SECRET: BUNDLE_SECRET, BAILIWICK_LOG: "error" },
});
const { lab, upstream } = world;
const over = new AbortController();
const wait = (ms: number) =>
  new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      over.signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    over.signal.addEventListener("abort", done);
  });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => over.abort());

const budget = (tenant: Tenant) =>
  lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "100000" } });
const [caller, patient] = [await world.tenant(), await world.tenant()];
const changing = await lab.configuredTenant(POLICY_TENANTS.lifecycle);
await budget(changing);
const tenants: readonly Tenant[] = [caller, patient, changing];

const workers: PoolWorker[] = [];
const newWorker = () => world.worker({ concurrency: 32, tokensPerS: 100 });
for (const _ of ["one", "two"]) workers.push(await newWorker());

const beganMs = Date.now();
let healedAt = 0;
const tally = new Tally(() => healedAt);
const faults: SoakResult["faults"] = [];
const samples: Sample[] = [];
const lives: number[] = [];
const pidNow = (): number | null => {
  try {
    const { pid } = world.cell;
    if (lives.at(-1) !== pid) lives.push(pid);
    return pid;
  } catch {
    return null; // between two of its lives
  }
};
const look = async () => {
  const pid = pidNow();
  samples.push(
    await sample(
      {
        ...{ cell: world.cell, pid, life: lives.length, workers: workers.map((worker) => worker.pid) },
        adminKeys: tenants.map(({ adminKey }) => adminKey),
        jobs: async () => (await world.queue.depth({ pool: "local", class: "interactive" })).ready,
      },
      beganMs,
    ),
  );
};

async function sampling(): Promise<void> {
  for (let n = 0; !over.signal.aborted; n++) {
    await look();
    const last = samples.at(-1);
    if (n % PROGRESS_EVERY === 0 && last) {
      const sum = (of: "ok" | "in_faults" | "in_peace") =>
        [...tally.counts.values()].reduce((total, count) => total + count[of], 0);
      say(
        `${last.at_s} s: ${sum("ok")} ok, ${sum("in_faults")} failed under faults, ${sum("in_peace")} in peace, ` +
          `${tally.violations.length} violations; life ${last.life}, ${last.rss_mib} MiB, ${last.descriptors} descriptors, ` +
          `log ${last.wal_mib} MiB, ${last.objects} objects, held ${last.held_nusd} nusd`,
      );
    }
    upstream.seen.splice(0, Math.max(0, upstream.seen.length - SEEN_MAX));
    await wait(sampleEveryMs);
  }
}

async function breaking(): Promise<void> {
  if (faultEveryMs === 0) return;
  for (let turn = 0; ; turn++) {
    await wait(faultEveryMs);
    const fault = SOAK_FAULTS[turn % SOAK_FAULTS.length];
    const left = beganMs + durationMs - CALM_END_MS - Date.now();
    if (over.signal.aborted || left < 0 || fault === undefined) return;
    const at_s = Math.round((Date.now() - beganMs) / 1_000);
    healedAt = Number.POSITIVE_INFINITY;
    say(`fault: ${fault.name}`);
    await fault.run({ world, workers, newWorker, wait });
    healedAt = Date.now() + HEALED_MS;
    faults.push({ name: fault.name, at_s, lasted_s: Math.round((Date.now() - beganMs) / 1_000) - at_s });
  }
}

const timer = setTimeout(() => over.abort(), durationMs);
const problems: string[] = [];
const check = async (what: string, work: () => void | Promise<void>) => {
  try {
    await work();
    say(`holds: ${what}`);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    problems.push(`${what}: ${text.slice(0, 1_000)}`);
    say(`DOES NOT HOLD: ${what}: ${text.slice(0, 1_000)}`);
  }
};
const checks: SoakResult["checks"] = [];
const holds = async (what: string, work: () => void | Promise<void>) => {
  const before = problems.length;
  await check(what, work);
  checks.push({ what, holds: problems.length === before });
};

try {
  await Promise.all([drive({ lab, upstream, tally, caller, patient, changing }, over.signal), sampling(), breaking()]);
  clearTimeout(timer);
  say("the load has ended; waiting until everything is quiet");
  const quietFrom = Date.now();
  for (const [at, tenant] of tenants.entries())
    await holds(`tenant ${at + 1}: every task has ended once, no hold is left, all sums agree`, () =>
      expectEverythingEnded(world, tenant),
    );
  await holds("no acknowledged promise was broken during the run", () => {
    if (tally.violations.length > 0) throw new Error(tally.violations.join("; "));
  });
  await holds("nothing failed while nothing was broken", () => {
    if (tally.odd.length > 0) throw new Error(tally.odd.join("; "));
  });
  await holds("no connection stays open that its caller has closed", async () => {
    const left = async () => abandonedConnections(Number(new URL(world.cell.url).port));
    const count = await eventually(left, (seen) => seen === 0, HEALED_MS);
    if (count > 0) throw new Error(`${count} of them`);
  });
  const quietS = Math.round((Date.now() - quietFrom) / 1_000);
  await look();
  const keys = join(home, "keys-to-verify-with.json");
  writeFileSync(keys, await (await lab.ask("/.well-known/bailiwick-keys.json")).text());
  const verdicts: SoakResult["verified"] = [];
  for (const [at, tenant] of tenants.entries())
    await holds(`tenant ${at + 1}: npx bailiwick verify of its whole ledger's export`, async () => {
      const { file, entries } = await exportOf(lab, tenant, join(home, `export-${at + 1}.tar`));
      const told = verified(file, keys);
      verdicts.push({ tenant: at + 1, entries, line: told.line });
      if (!told.ok) throw new Error(told.line);
    });
  await Promise.all(workers.map((worker) => worker.stop()));
  await holds("the cell drains with exit code 0", async () => {
    const code = await world.cell.drain();
    if (code !== 0) throw new Error(`it was ${code}`);
  });
  const audit = await auditHome(home);
  await holds("no database is damaged", () => {
    if (audit.damaged.length > 0) throw new Error(audit.damaged.join("; "));
  });
  await holds("nothing is left in any database: task, hold, lease, line, callback, message", () => {
    const left = Object.entries(audit.leaks).filter(([, count]) => count > 0);
    if (left.length > 0) throw new Error(left.map(([what, count]) => `${count} ${what}`).join("; "));
  });
  const result: SoakResult = {
    at: new Date(beganMs).toISOString(),
    commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim(),
    machine: { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memory_bytes: totalmem(), load: loadavg() },
    options: { ...{ minutes: Number(values.minutes), runtime }, fault_every_s: faultEveryMs / 1_000 },
    ran_s: samples.findLast(({ life }) => life > 0)?.at_s ?? 0,
    ...{ quiet_s: quietS, faults, checks, problems, verified: verdicts },
    loads: Object.fromEntries(tally.counts),
    ...{ violations: tally.violations, odd: tally.odd, audit: { databases: audit.databases, leaks: audit.leaks } },
    samples,
  };
  const folder = join(ROOT, "test/soak/results");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${result.at.replace(/[:.]/g, "-")}.json`);
  writeFileSync(file, `${JSON.stringify(result)}\n`);
  if (values.page) writeFileSync(join(ROOT, "docs/soak.md"), soakPage(result));
  say(`written to ${file}; ${problems.length === 0 ? "everything holds" : `${problems.length} checks do not hold`}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  over.abort();
  clearTimeout(timer);
  await world.stop();
  if (process.exitCode === 0) rmSync(home, { recursive: true, force: true });
  else say(`kept for a look: ${home}`);
}
