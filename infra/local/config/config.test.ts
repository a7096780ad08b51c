import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { folderConfigSource } from "../../../functions/adapters/config-source/folder.ts";
import { nodeFolderHost } from "../../../functions/adapters/config-source/folder-host.ts";
import { snapshotCompiler } from "../../../functions/config/compiler.ts";
import type { Snapshot } from "../../../shared/contracts/config/snapshot.ts";

async function load(folder: string, variables: Record<string, string> = {}): Promise<Snapshot> {
  const compile = snapshotCompiler({
    cell: { id: "local", jurisdiction: "local" },
    secretsPresent: ({ name }) => Object.hasOwn(variables, name),
    variable: (name) => variables[name] ?? null,
  });
  const source = await folderConfigSource({
    folder,
    host: nodeFolderHost,
    compile,
    onError: (error) => {
      throw error;
    },
  });
  source.close();
  return source.current();
}

it("starts quietly on a machine without any provider key: synthetic models answer offline", async () => {
  const snapshot = await load(import.meta.dirname);
  expect(snapshot.warnings).toEqual([]);
  expect(Object.keys(snapshot.aliases)).toEqual(
    expect.arrayContaining(["synthetic-small", "synthetic-large", "synthetic-embedding", "small"]),
  );
  expect(snapshot.tenants.default).toMatchObject({ content: "store", privacy: "allow-api" });
  expect(snapshot.providers.ollama).toBeUndefined();
  expect(snapshot.providers.openai?.secret_missing).toBe(true);
});

it("takes a provider in when its variables are set", async () => {
  const snapshot = await load(import.meta.dirname, {
    OPENAI_API_KEY: "x",
    OLLAMA_BASE_URL: "http://127.0.0.1:11434/v1",
  });
  expect(snapshot.providers.openai?.secret_missing).toBe(false);
  expect(snapshot.providers.ollama?.base_url).toBe("http://127.0.0.1:11434/v1");
  expect(snapshot.candidates["openai:gpt-4.1-mini"]?.prices).toEqual({
    tokens_in: 400,
    tokens_out: 1_600,
    tokens_cached: 100,
  });
});

const samples = resolve(import.meta.dirname, "../../../../shared/samples");
const present = existsSync(samples);
if (!present) console.warn(`skipped: the sample files are not at ${samples}`);

it.skipIf(!present)(
  "loads the four sample files unchanged, with a warning for each provider that is not configured",
  async () => {
    const snapshot = await load(samples);
    expect(Object.keys(snapshot.candidates)).toHaveLength(8);
    expect(snapshot.candidates["vllm:llama3.1"]).toMatchObject({ tier: 0, model: "llama3.1", prices: {} });
    expect(snapshot.aliases["gpt-4o"]?.candidates).toEqual(["azure:gpt-4o"]);
    expect(snapshot.intents.invoice_ocr).toMatchObject({
      privacy: "local-only",
      routes: ["local", "hybrid"],
      tiers: [0],
    });
    expect(snapshot.policies).toMatchObject({
      task_budget_default_nusd: 20_000_000,
      task_budget_hard_cap_nusd: 200_000_000,
      p95_ms: { local: 600, api: 2_000, hybrid: 2_300 },
      providers_allow: ["ollama", "openai", "azure", "hf", "vllm"],
      fallback_order: ["local", "api", "hybrid"],
    });
    expect(snapshot.modules).toEqual([{ name: "summarize_text", ref: expect.any(String), runtime: "wasm" }]);
    expect(snapshot.warnings).toHaveLength(5);
  },
);
