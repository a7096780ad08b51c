import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostEgress } from "../../functions/adapters/egress/deno.ts";
import { s3ObjectStore } from "../../functions/adapters/object-store/s3.ts";
import { awsDigest, CELLS, violationsOf } from "../../infra/rules/check.ts";
import { type PlannedResource, plannedResources } from "../../infra/rules/resources.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { sqsNames } from "../../shared/job-queue/names.ts";
import { sqsJobQueue } from "../../shared/job-queue/sqs.ts";
import { type MotoServer, motoPython, startMoto } from "../support/moto.ts";
import { testConnection } from "../support/s3-connection.ts";
import { sqsOptions } from "../support/sqs-options.ts";
import { EMULATED_ACCOUNT, findTofu, tofuWorkspace } from "../support/tofu.ts";

/** The provider waits until AWS agrees with itself: two minutes a cell, nearly all of it asleep. */
const APPLY_MS_MAX = 900_000;
const ROOT = resolve(import.meta.dirname, "../..");
const JURISDICTION = { eu1: "eu", us1: "us" } as const;

const tofu = findTofu();
const python = "missing" in tofu ? null : motoPython();
const missing = "missing" in tofu ? tofu.missing : python === null ? "moto could not be installed" : null;
if (missing !== null) console.warn(`skipped: the AWS part of a cell is not applied to an emulator: ${missing}`);

describe.skipIf(missing !== null)(`the AWS part of a cell${missing === null ? "" : ` (skipped: ${missing})`}`, () => {
  let moto: MotoServer;
  const made = new Map<string, PlannedResource[]>();
  const workspaces: ReturnType<typeof tofuWorkspace>[] = [];

  beforeAll(async () => {
    if ("missing" in tofu || python === null) return;
    process.env.MOTO_IAM_LOAD_MANAGED_POLICIES = "true";
    moto = await startMoto(python);
    await Promise.all(
      CELLS.map(async (cell) => {
        const workspace = tofuWorkspace(tofu, cell, moto.url);
        workspaces.push(workspace);
        await workspace.init();
        const plan = await workspace.plan();
        workspace.forEmulator();
        const applied = await workspace.apply();
        made.set(cell, plannedResources(plan, applied));
      }),
    );
  }, APPLY_MS_MAX);
  afterAll(async () => {
    for (const workspace of workspaces) workspace.remove();
    await moto?.stop();
  });

  it("is formatted and valid", async () => {
    for (const workspace of workspaces) {
      await workspace.run("validate", "-no-color");
      await workspace.run("fmt", "-check", "-recursive", "../../../..");
    }
  });

  it.each(CELLS)("%s is applied, breaks no rule, and is what is committed as its plan", async (cell) => {
    const resources = made.get(cell) ?? [];
    const about = { id: cell, jurisdiction: JURISDICTION[cell], account_id: EMULATED_ACCOUNT };
    expect(resources.length).toBeGreaterThan(80);
    const text = `${JSON.stringify({ source_sha256: awsDigest(cell), cell: about, resources }, null, 1)}\n`;
    const file = join(ROOT, `infra/cells/${cell}/aws/aws.plan.json`);
    if (process.env.UPDATE_RESOURCES === "1") writeFileSync(file, text);
    expect(violationsOf({ cell: about, resources })).toEqual([]);
    expect(text).toBe(readFileSync(file, "utf8"));
  });

  it("gives the cell a bucket that it takes for its own, and that keeps a locked object", async () => {
    const store = s3ObjectStore({
      ...testConnection(moto.url, hostEgress()),
      bucket: "bw-eu1-objects-example",
      jurisdiction: "eu",
      versions: "locked",
      clock: { now: () => Date.now() as UnixMs }, // safe because: the machine's clock
    });
    expect(await store.check()).toEqual({ ok: true, value: null });
  });

  it("gives the pool queues under the names and with the terms that its workers expect", async () => {
    const queues = made.get("eu1")?.filter(({ type }) => type === "aws_sqs_queue") ?? [];
    const named = new Map(queues.map(({ values }) => [values.name, values]));
    for (const kind of ["interactive", "batch"] as const) {
      const { live, dead } = sqsNames({ prefix: "bw", cell: "eu1" }, { pool: "chat", class: kind });
      expect(named.get(dead)?.message_retention_seconds).toBe(LIMITS.queueDeadMs / 1000);
      expect(named.get(live)?.message_retention_seconds).toBe(LIMITS.queueRetentionMs / 1000);
      expect(named.get(live)?.max_message_size).toBeGreaterThanOrEqual(LIMITS.queueMessageBytesMax);
      expect(JSON.parse(String(named.get(live)?.redrive_policy)).maxReceiveCount).toBe(LIMITS.queueReceivesMax);
    }
    const queue = sqsJobQueue(sqsOptions(moto.url));
    const depth = await queue.depth({ pool: "chat", class: "interactive" });
    expect(depth).toMatchObject({ ready: 0, dead: 0 });
  });

  it("is refused before anything is made when a region lies outside of its jurisdiction", async () => {
    if ("missing" in tofu) return;
    const workspace = tofuWorkspace(tofu, "eu1", moto.url);
    workspaces.push(workspace);
    await workspace.init();
    workspace.override(`module "cell" {\n  region = "us-east-1"\n}\n`);
    await expect(workspace.plan()).rejects.toThrow(/outside the cell's\s+jurisdiction/);
  });
});
