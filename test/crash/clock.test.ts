import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demandApprovals } from "../support/approvals-bundle.ts";
import { approvalsDesk } from "../support/approvals-desk.ts";
import { type Books, expectBooksBalance, type FaultCell, startFaultCell } from "../support/fault-cell.ts";
import { eventually, marker, type Tenant, user } from "../support/lab.ts";
import { readLedger } from "../support/ledger.ts";
import { policyBundle } from "../support/policy-bundle.ts";
import { POLICY_TENANTS } from "../support/test-config.ts";
import { observed } from "./faults/observed.ts";

const CHAT = "/v1/chat/completions";
const TEST_MS = 240_000;
const HOUR_MS = 3_600_000;
/** Debian's package `libfaketime`. */
const LIBRARY = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
].find((path) => existsSync(path));

describe.skipIf(LIBRARY === undefined)(
  "a cell whose clock jumps (Node; skipped: no libfaketime on this machine)",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "bailiwick-clock-"));
    const file = join(folder, "offset");
    let at: FaultCell;
    let tenant: Tenant;
    let policy: Tenant;
    beforeAll(async () => {
      writeFileSync(file, "+0\n");
      at = await startFaultCell({
        runtime: "node",
        processEnv: {
          LD_PRELOAD: LIBRARY ?? "",
          FAKETIME_TIMESTAMP_FILE: file,
          FAKETIME_NO_CACHE: "1",
          // Timers of the loop count on a clock that no person sets.
          FAKETIME_DONT_FAKE_MONOTONIC: "1",
        },
      });
      tenant = await at.tenant();
      policy = await at.lab.configuredTenant(POLICY_TENANTS.lifecycle);
    });
    afterAll(async () => {
      await at?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const jump = (offset: string) => writeFileSync(file, `${offset}\n`);
    const chat = async (
      key: string,
      over: { model?: string; headers?: Record<string, string>; mark?: string } = {},
    ) => {
      const { model = "echo", headers = {}, mark = marker() } = over;
      const response = await at.lab.ask(CHAT, { key, headers, body: { model, messages: [user(mark)] } });
      const text = await response.text();
      return { status: response.status, text, task: response.headers.get("x-bailiwick-task") ?? "" };
    };
    let revision = 0;
    const activate = async () => {
      const body = await policyBundle({ tenant: policy.id, revision: ++revision });
      const headers = { "content-type": "application/gzip" };
      await at.lab.json("/v1/policies/bundles", { key: policy.adminKey, method: "PUT", body, headers });
      return at.lab.json(`/v1/policies/bundles/${revision}/activate`, { key: policy.adminKey, body: {} });
    };
    /** Times of the ledger in its order, in milliseconds. */
    const times = async () =>
      (await readLedger(at.lab, tenant.adminKey)).entries.map((entry) => Date.parse(String(entry.at)));
    const expectRising = async () => {
      const all = await times();
      expect(all).toEqual(all.toSorted((one, other) => one - other));
      return all;
    };
    const published = async () => {
      const response = await eventually(
        () => at.lab.ask("/v1/ledger/export", { key: tenant.adminKey }),
        ({ status }) => status !== 409 && status !== 503,
        60_000,
      );
      await response.arrayBuffer();
      return response.status;
    };

    it(
      "past the lease of a run that died with its cell ends what was approved, and its engine is asked no second time",
      async () => {
        const asking = await at.lab.configuredTenant(POLICY_TENANTS.approvals);
        await demandApprovals(at.lab, asking, { models: { held: {} } });
        const desk = approvalsDesk(at.lab);
        const requester = await desk.person(asking, ["developer"]);
        const approver = await desk.person(asking, ["approver"]);
        const mark = marker();
        const id = await desk.ask(requester.key, "held", mark);
        expect((await desk.decide(approver.key, id, "approve")).status).toBe(200);
        const asked = () =>
          eventually(
            async () => at.upstream.about(mark).length,
            (count) => count > 0,
          );
        expect(await asked()).toBe(1);
        await at.cell.kill9();
        at.upstream.release();
        await at.cell.start();
        // Whoever had the run may live: until its lease has ended nobody says what became of it.
        expect(await desk.get(approver.key, id)).toMatchObject({ state: "running", outcome: null });
        jump("+20m");
        const ended = await eventually(
          () => desk.get(approver.key, id),
          ({ state }) => state === "done",
          90_000,
        );
        expect(ended).toMatchObject({ state: "done", outcome: { code: "outcome_unknown" } });
        expect(at.upstream.about(mark)).toHaveLength(1);
        const { entries } = await readLedger(at.lab, asking.adminKey);
        const of = entries.filter(({ detail }) => detail.approval === id).map(({ kind }) => kind);
        expect(of.filter((kind) => kind === "approval.executed")).toHaveLength(1);
        observed(
          "approved-killed",
          "node, +20 min",
          `killed while the engine worked: the approval runs on until its lease ends, then is done with ${ended.outcome.code}; the engine was asked once; entries ${of.join(", ")}`,
        );
      },
      TEST_MS,
    );

    it(
      "forward goes on: what was in flight is settled once, what has ended with time is refused",
      async () => {
        await activate();
        const short = await at.lab.newKey(tenant, { expires_at: new Date(Date.now() + HOUR_MS).toISOString() });
        expect((await chat(short.secret)).status).toBe(200);
        const keyed = { headers: { "idempotency-key": marker() }, mark: marker() };
        const first = await chat(tenant.apiKey, keyed);
        const mark = marker();
        const flying = chat(tenant.apiKey, { model: "held", mark });
        await eventually(
          async () => at.upstream.about(mark).length,
          (count) => count > 0,
        );
        jump("+3h");
        // The alarm of its deadline is due at once; its answer comes behind that.
        expect((await chat(tenant.apiKey)).status).toBe(200);
        at.upstream.release();
        const late = await flying;
        expect([200, 500, 503, 504]).toContain(late.status);
        expect((await chat(short.secret)).status).toBe(401);
        const again = await chat(tenant.apiKey, keyed);
        expect([again.status, again.text]).toEqual([first.status, first.text]);
        expect((await activate()).active.revision).toBe(revision);
        expect((await chat(policy.apiKey)).status).toBe(200);
        const books = await expectBooksBalance(at.lab, tenant);
        const all = await expectRising();
        expect((all.at(-1) ?? 0) - (all[0] ?? 0)).toBeGreaterThan(2 * HOUR_MS);
        expect(await published()).toBe(200);
        const { entries } = await readLedger(at.lab, tenant.adminKey);
        const ends = entries.filter(({ task }) => task === late.task).map(({ kind }) => kind);
        observed(
          "clock-forward",
          "node, +3 h",
          `the call in flight was answered ${late.status} (${ends.join(", ")}); a key past its end 401; a repeat the same bytes; ${say(books)}; published ${await published()}`,
        );
      },
      TEST_MS,
    );

    it(
      "back goes on: the ledger's times never fall, and nothing that ended begins again",
      async () => {
        const revoked = await at.lab.newKey(tenant);
        await at.lab.ask(`/v1/keys/${revoked.id}`, { key: tenant.adminKey, method: "DELETE" });
        const before = await times();
        const mark = marker();
        const flying = chat(tenant.apiKey, { model: "held", mark });
        await eventually(
          async () => at.upstream.about(mark).length,
          (count) => count > 0,
        );
        jump("+1h");
        const during = await chat(tenant.apiKey);
        at.upstream.release();
        const late = await flying;
        expect([during.status, late.status]).toEqual([200, 200]);
        expect((await chat(revoked.secret)).status).toBe(401);
        // A policy's statement of two hours ahead is no reason to decide nothing, nor one to trust it for ever.
        const decided = await chat(policy.apiKey);
        expect([200, 503]).toContain(decided.status);
        const changed = await activate();
        expect(changed.active.revision).toBe(revision);
        expect((await chat(policy.apiKey)).status).toBe(200);
        const books = await expectBooksBalance(at.lab, tenant);
        const all = await expectRising();
        expect(all.length).toBeGreaterThan(before.length);
        expect(await published()).toBe(200);
        await at.cell.kill9();
        await at.cell.start();
        expect((await chat(tenant.apiKey)).status).toBe(200);
        await expectRising();
        observed(
          "clock-back",
          "node, −2 h",
          `the call in flight and the next one 200; a revoked key 401; a tenant's own policy ${decided.status} at once, 200 behind a change; ${say(books)}; times rise, also over a restart`,
        );
      },
      TEST_MS,
    );
  },
);

const say = ({ tasks, abandoned, entries }: Books): string =>
  `${tasks} tasks (${abandoned} closed as estimates) in ${entries} entries, one sum`;
