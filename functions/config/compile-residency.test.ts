import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { compileSnapshot } from "./compile.ts";

const ADDRESS = "http://engine.example.com/v1";
const ENGINES = {
  "an OpenAI server of our own": { kind: "openai", base_url: ADDRESS, locality: "local" },
  "an Azure deployment that is called local": {
    ...{ kind: "azure-openai", base_url: ADDRESS, locality: "local", api_version: "2025-01-01" },
  },
  "an Anthropic proxy of our own": { kind: "anthropic", base_url: ADDRESS, locality: "local" },
  "a pool": { kind: "pool" },
} as const;

const compile = (entry: JsonObject, engines: string | null | undefined, jurisdiction = "eu") =>
  compileSnapshot(
    { "providers.yml": { providers: { engine: { ...entry } } } },
    { id: "eu1", jurisdiction, ...(engines === undefined ? {} : { engines }) },
    () => true,
  );

describe("engines that are called local", () => {
  it.each(Object.entries(ENGINES))(
    "refuses %s that lies elsewhere, so that local never leaves the cell",
    (_, entry) => {
      for (const read of [compile({ ...entry, jurisdiction: "us" }, "eu"), compile(entry, "us")])
        expect(read).toMatchObject({ ok: false, error: [{ path: "providers.engine.jurisdiction" }] });
      expect(compile({ ...entry, jurisdiction: "eu" }, null).ok).toBe(true);
      expect(compile(entry, "eu").ok).toBe(true);
    },
  );

  it.each(Object.entries(ENGINES))("refuses %s of which nobody said where it lies", (_, entry) => {
    const read = compile(entry, null);
    expect(read.ok ? "" : read.error.map(({ message }) => message).join()).toContain("engines=…");
  });

  it("asks nothing about the synthetic engine, which is the cell's own process", () => {
    const read = compile({ kind: "synthetic" }, null);
    expect(read.ok && read.value.providers.engine?.jurisdiction).toBe("eu");
  });

  it("asks nothing about providers that are not called local: where they lie is for policy to judge", () => {
    const read = compile({ kind: "openai", base_url: "https://api.example.com/v1" }, null);
    expect(read.ok && read.value.providers.engine?.jurisdiction).toBe("unspecified");
  });
});
