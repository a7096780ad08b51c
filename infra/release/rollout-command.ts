import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { z } from "zod";
import { configBindings } from "../../functions/entry/config-bindings.ts";
import { ROOT } from "../local/command.mjs";
import { failedShare, Rings, rollout } from "./rollout.ts";
import { smoke, smokePassed } from "./smoke.ts";

const USAGE = `npm run rollout -- --kind code|config [--ring NAME] [--model NAME]
  in the environment, for each cell:  BAILIWICK_SMOKE_KEY_<CELL>  a key that may call the model
                                      BAILIWICK_OPERATOR_KEY_<CELL>  one that may read /metrics
  and for config:                     BAILIWICK_CONFIG_JSON  the configuration that is rolled out
`;

/** Releases code, or a configuration with the code as it is, to the rings of infra/cells/rings.yml. Exit 1: taken back. */
const { values } = parseArgs({
  options: {
    kind: { type: "string" },
    ring: { type: "string" },
    rings: { type: "string", default: "infra/cells/rings.yml" },
    model: { type: "string", default: "synthetic-small" },
  },
});
if (values.kind !== "code" && values.kind !== "config") {
  process.stderr.write(USAGE);
  process.exit(2);
}
const kind = values.kind;
const all = Rings.parse(parse(readFileSync(join(ROOT, values.rings), "utf8")));
const rings = { ...all, rings: all.rings.filter(({ name }) => values.ring === undefined || name === values.ring) };

const secret = (name: string, cell: string): string => {
  const value = process.env[`${name}_${cell.toUpperCase()}`];
  if (!value) throw new Error(`${name}_${cell.toUpperCase()} is not set`);
  return value;
};
const endpoint = (cell: string): string => (rings.endpoints[cell] ?? "").replace(/\/$/, "");

/** Runs a command to its end; its words go to the terminal. */
function command(args: string[], input?: string): void {
  const { status } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    stdio: [input === undefined ? "ignore" : "pipe", "inherit", "inherit"],
    ...(input === undefined ? {} : { input }),
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
  });
  if (status !== 0) throw new Error(`${args.slice(1, 4).join(" ")}: exit ${status}`);
}
/** What a command prints. */
function output(args: string[]): string {
  const { status, stdout } = spawnSync(process.execPath, args, {
    ...{ cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
  });
  if (status !== 0) throw new Error(`${args.slice(1, 4).join(" ")}: exit ${status}`);
  return stdout;
}
const Deployment = z.object({ versions: z.array(z.object({ version_id: z.string(), percentage: z.number() })) });
/** The version that answered before the roll-out, by cell: "the one before" is another once something was uploaded. */
const ranBefore = new Map<string, string>();
const WRANGLER = join(ROOT, "node_modules/wrangler/bin/wrangler.js");

async function metrics(cell: string): Promise<string | null> {
  const answer = await fetch(`${endpoint(cell)}/metrics`, {
    headers: { authorization: `Bearer ${secret("BAILIWICK_OPERATOR_KEY", cell)}` },
    signal: AbortSignal.timeout(30_000),
  });
  return answer.ok ? answer.text() : null;
}

const outcome = await rollout(rings, {
  async release(cell) {
    const { versions } = Deployment.parse(
      JSON.parse(output([WRANGLER, "deployments", "status", "--json", "--env", cell])),
    );
    const [running] = versions.toSorted((a, b) => b.percentage - a.percentage);
    if (running === undefined) throw new Error(`${cell} has no deployment to come back to: make the first one by hand`);
    ranBefore.set(cell, running.version_id);
    if (kind === "code") return command([join(ROOT, "infra/local/deploy.ts"), cell]);
    const text = process.env.BAILIWICK_CONFIG_JSON;
    if (!text) throw new Error("BAILIWICK_CONFIG_JSON is not set");
    // Secrets are versioned as code is, so that taking back is one command for both; all parts are one version.
    command([WRANGLER, "secret", "bulk", "--env", cell], JSON.stringify(configBindings(text)));
  },
  async smoke(cell) {
    const results = await smoke({ url: endpoint(cell), key: secret("BAILIWICK_SMOKE_KEY", cell), model: values.model });
    const failed = results.find(({ ok }) => !ok);
    return smokePassed(results) ? null : `smoke: ${failed?.name}: ${failed?.detail}`;
  },
  async errorShare(cell, soakS) {
    const before = await metrics(cell);
    await sleep(soakS * 1_000);
    const after = await metrics(cell);
    return before === null || after === null ? null : failedShare(before, after);
  },
  async rollback(cell) {
    const version = ranBefore.get(cell);
    // Nothing was uploaded: what runs is what ran.
    if (version === undefined) return;
    command([
      WRANGLER,
      "rollback",
      version,
      "--env",
      cell,
      "--yes",
      "--message",
      `taken back by the roll-out of ${kind}`,
    ]);
  },
  say: (line) => void process.stdout.write(`${line}\n`),
});
if (outcome.stuck.length > 0) process.stdout.write(`look at: ${outcome.stuck.join(", ")}\n`);
process.exitCode = outcome.failed === null ? 0 : 1;
