import { describe, expect, it, onTestFinished } from "vitest";
import { startHealth } from "./health.ts";

async function asked(unready: string | null, path: string, method = "GET") {
  const health = await startHealth({ port: 0, unready: () => unready, exposition: () => "a 1\n" });
  onTestFinished(() => health.close());
  const response = await fetch(`http://127.0.0.1:${health.port}${path}`, { method });
  return [response.status, await response.text()] as const;
}

describe("a worker's health", () => {
  it("is alive while it runs, and ready only with engine and cell, so that nobody sends it work in vain", async () => {
    expect(await asked("the engine is not ready", "/healthz")).toEqual([200, "ok\n"]);
    expect(await asked("the engine is not ready", "/readyz")).toEqual([503, "the engine is not ready\n"]);
    expect(await asked(null, "/readyz")).toEqual([200, "ready\n"]);
  });

  it("shows its metrics, and nothing else", async () => {
    expect(await asked(null, "/metrics")).toEqual([200, "a 1\n"]);
    expect((await asked(null, "/"))[0]).toBe(404);
    expect((await asked(null, "/readyz", "POST"))[0]).toBe(405);
  });
});
