import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { embeddedTenantPolicies, embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { TenantId } from "../../shared/contracts/ids.ts";
import { verifyStatement } from "../../shared/crypto/policy-statement.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { objectsHome } from "../support/objects-home.ts";
import { decisionId, policyChange, SIGN, SIGNING_CELL, STATEMENT_KEY, storable } from "../support/policy-fixtures.ts";
import { observed } from "./faults/observed.ts";

const WRITER = fileURLToPath(new URL("./policy-writer.ts", import.meta.url));
const RUNTIMES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  node: [process.execPath],
  deno: ["deno", "run", "--quiet", "--no-prompt", "--allow-read", "--allow-write"],
};
const tenant = TenantId.parse("acme1");
const of = tenantObjectClass(null);

/** What the writer said before it was killed in the middle of its work. */
function writeUntilKilled(runtime: string, home: string, enough: number): Promise<string[]> {
  const [command, ...args] = RUNTIMES[runtime] ?? ["false"];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args, WRITER, home], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (output.split("\n").length > enough && !child.killed) child.kill("SIGKILL");
    });
    child.on("error", reject);
    child.on("close", (_code, signal) => {
      if (signal === "SIGKILL") resolve(output.split("\n").slice(0, -1));
      else reject(new Error(`the writer ended by itself: ${errors}`));
    });
  });
}

const numbers = (lines: readonly string[], what: string) =>
  lines.flatMap((line) => (line.startsWith(`${what} `) ? [Number(line.split(" ")[1])] : []));

describe.each(Object.keys(RUNTIMES))("a tenant's policy under kill -9 on %s", (runtime) => {
  it.each([1, 11, 97, 400])(
    "is the one that was acknowledged, or the one just asked for, whole, after %i answers",
    async (enough) => {
      const home = objectsHome({ classes: [of] });
      const lines = await writeUntilKilled(runtime, home.path, enough);
      const stored = Math.max(0, ...numbers(lines, "stored"));
      const active = Math.max(0, ...numbers(lines, "active"));

      const host = home.open();
      const policies = embeddedTenantPolicies(host, of, SIGN)(tenant);
      const state = await policies.state();
      if (!state.ok) expect.fail(state.error.reason);
      const revision = state.value.active?.revision ?? 0;
      expect([active, active + 1]).toContain(revision);
      expect(state.value.version).toBe(1 + revision);
      expect(
        verifyStatement(state.value.statement, [STATEMENT_KEY], {
          cell: SIGNING_CELL,
          tenant,
          nowMs: home.clock.now(),
        }),
      ).toMatchObject({ value: { version: 1 + revision, active: state.value.active } });

      const change = policyChange(revision);
      const list = await policies.list(change.access);
      if (!list.ok) expect.fail(list.error.reason);
      const newest = list.value.bundles[0]?.revision ?? 0;
      expect([stored, stored + 1]).toContain(newest);
      for (const { digest, state: kept } of list.value.bundles) {
        const bytes = await policies.bundle(digest);
        // No archive is ever half there.
        if (kept !== "retired") expect(bytes.ok && `sha256:${sha256Hex(bytes.value)}`).toBe(digest);
        else expect(bytes).toMatchObject({ error: { reason: "not_found" } });
      }

      const store = embeddedTenantStore(host, of);
      for (const n of numbers(lines, "decided"))
        expect(await store.decision(tenant, change.access, decisionId(n)), `decision ${n}`).toMatchObject({ ok: true });
      const page = await store.ledger(tenant, change.access, { from: 0, limit: 1 });
      const size = page.ok ? page.value.size : expect.fail(page.error.reason);
      const kinds: string[] = [];
      for (let from = 0; from < size; from += 100) {
        const entries = await store.ledger(tenant, change.access, { from, limit: 100 });
        if (entries.ok) kinds.push(...entries.value.entries.map(({ kind }) => kind));
      }
      // What is in force stands in the ledger, and nothing else does.
      expect(kinds.filter((kind) => kind === "policy.activated")).toHaveLength(revision);
      expect(kinds.filter((kind) => kind === "policy.bundle_stored")).toHaveLength(newest);

      const next = await policies.put(change, storable(newest + 1));
      expect(next).toMatchObject({ ok: true });
      expect(home.errors).toEqual([]);
      await host.close();
      home.remove();
      observed(
        "policy-killed",
        runtime,
        `killed after ${lines.length} answers: revision ${revision} in force (${active} was acknowledged), ${list.value.bundles.length} bundles whole, the ledger has each activation`,
      );
    },
  );
});
