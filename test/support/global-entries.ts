import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { globalCommand, ROOT } from "../../infra/local/command.mjs";
import { bundleWorker, WORKERD_COMPATIBILITY } from "../../infra/local/workerd-config.ts";
import { CellProcess } from "./cell-process.ts";
import { freePort } from "./free-port.ts";
import { workerdBinary } from "./workerd-cell.ts";

export interface GlobalEntry {
  url: string;
  logs(): string;
  stop(): Promise<void>;
}

/** A global entry as a process of its own, told everything by variables. */
export type StartEntry = (env: Record<string, string>) => Promise<GlobalEntry>;

async function running(
  launch: ConstructorParameters<typeof CellProcess>[0],
  url: string,
  end: () => void,
): Promise<GlobalEntry> {
  const process = new CellProcess(launch, `${url}/healthz`);
  await process.start().catch((cause: unknown) => {
    end();
    throw cause;
  });
  return {
    url,
    logs: () => process.logs,
    async stop() {
      await process.stop();
      end();
    },
  };
}

const onDeno: StartEntry = async (env) => {
  const port = await freePort();
  const command = globalCommand({ ...env, PORT: String(port) });
  if ("refusal" in command) throw new Error(command.refusal);
  return running({ ...command, cwd: ROOT }, `http://127.0.0.1:${port}`, () => {});
};

const text = (value: string): string => JSON.stringify(value);

const onWorkerd: StartEntry = async (env) => {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-entry-"));
  await bundleWorker("functions/entry/global-workerd.ts", join(folder, "entry.js"));
  const bindings = Object.entries(env).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`);
  const { date, flags } = WORKERD_COMPATIBILITY;
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "entry", worker = .entry),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "entry")],
);
const entry :Workerd.Worker = (
  modules = [(name = "entry.js", esModule = embed "entry.js")],
  compatibilityDate = ${text(date)},
  compatibilityFlags = [${flags.map(text).join(", ")}],
  globalOutbound = "internet",
  bindings = [${bindings.join(", ")}],
);
`,
  );
  const launch = { file: workerdBinary(), args: ["serve", join(folder, "config.capnp")], env: {}, cwd: folder };
  return running(launch, `http://127.0.0.1:${port}`, () => rmSync(folder, { recursive: true, force: true }));
};

export const ENTRIES: readonly [string, StartEntry][] = [
  ["deno", onDeno],
  ["workerd", onWorkerd],
];
