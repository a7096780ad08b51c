import { describe, expect, it } from "vitest";
import type { UnixMs } from "../contracts/ids.ts";
import { LIMITS } from "../contracts/limits.ts";
import type { Attributes } from "../contracts/ports/telemetry.ts";
import { createLog } from "./log-line.ts";
import { Redacted } from "./redacted.ts";

const canary = "canary-7Qx";
const ourKey = `bw_local_default_4kQ0Zt7bXw2N_${canary.replace("-", "")}`;

function logged() {
  const lines: string[] = [];
  const now = Date.UTC(2026, 10, 18, 9, 30) as UnixMs; // safe because: a fixed instant
  const log = createLog((line) => lines.push(line), { now: () => now }, { service: "cell", cell: "local" });
  return { lines, log };
}

describe("the log", () => {
  it("writes one JSON line an event with when, what and where, so that a collector never has to guess", () => {
    const { lines, log } = logged();
    log.info("cell.started", { port: 8787, tls: false, note: "two\nlines\u2028" });
    log.warn("cell.degraded");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).not.toMatch(/\n/);
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      at: "2026-11-18T09:30:00.000Z",
      level: "info",
      event: "cell.started",
      service: "cell",
      cell: "local",
      port: 8787,
      tls: false,
      note: "two\nlines\u2028",
    });
  });

  it("never shows a canary, whichever door it comes in by", () => {
    const { lines, log } = logged();
    const members = {
      api_key: canary,
      prompt: canary,
      "gen_ai.input.messages": canary,
      reason: `refused ${ourKey}`,
      url: `https://u:${canary}@example.com/?token=${canary}`,
      wrapped: new Redacted(canary),
      nested: { deep: canary },
    };
    log.info("members", members as unknown as Attributes); // safe because: hostile on purpose, beyond what the type allows
    log.error("quoted", new TypeError(`Headers.append: "${canary} \\"x\\" ${canary}" is an invalid header value.`));
    log.error("quoted singly", new TypeError(`Invalid URL: '${canary}'`));
    let parse: unknown;
    try {
      JSON.parse(`{"prompt": ${canary}`);
    } catch (thrown) {
      parse = thrown;
    }
    expect(String(parse)).toContain("canary");
    log.error("parsed", new Error("could not read", { cause: parse }));
    log.error("thrown text", canary);
    log.error("thrown object", { canary });
    log.error("key in message", new Error(`no access with ${ourKey}`), { [`bw_${canary}`]: true });
    expect(lines).toHaveLength(7);
    for (const line of lines.slice(0, -1)) expect(line).not.toContain(canary);
    expect(lines.join("\n")).not.toContain(ourKey);
  });

  it("keeps its own members, so that nobody can forge the level or the cell of a line", () => {
    const { lines, log } = logged();
    log.warn("x", { level: "debug", cell: "eu1", at: "never" });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "warn", cell: "local", at: "2026-11-18T09:30:00.000Z" });
  });

  it("bounds members and values, so that a line cannot grow with its input", () => {
    const { lines, log } = logged();
    log.info("x", Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`m${i}`, "v".repeat(10_000)])));
    const line: unknown = JSON.parse(lines[0] ?? "");
    expect(Object.keys(line as object)).toHaveLength(LIMITS.logMembersMax + 5); // safe because: parsed from an object
    expect(lines[0]?.length).toBeLessThan(LIMITS.logMembersMax * (LIMITS.logValueCharsMax + 32) + 512);
  });

  it("names an error, its code, its causes and its frames, so that a crash can be found", () => {
    const { lines, log } = logged();
    const cause = Object.assign(new TypeError("socket gone"), { code: "ECONNRESET" });
    log.error("engine.failed", new Error("unreachable", { cause }), { provider: "pool-a" });
    const line: unknown = JSON.parse(lines[0] ?? "");
    expect(line).toMatchObject({
      level: "error",
      provider: "pool-a",
      errors: [
        { name: "Error", message: "unreachable" },
        { name: "TypeError", message: "socket gone", code: "ECONNRESET" },
      ],
    });
    expect(JSON.stringify(line)).toContain("log-line.test.ts");
  });

  it("names what several things failed of, so that nobody is left with a line that says only that they did", () => {
    const { lines, log } = logged();
    const full = Object.assign(new Error("database or disk is full"), { code: "ERR_SQLITE_ERROR" });
    const away = new Error("the queue is away", { cause: new TypeError(`fetch of "${canary}" failed`) });
    log.error("object.failed", new AggregateError([away, full, away], "effects failed"));
    const { errors } = JSON.parse(lines[0] ?? "") as { errors: Record<string, unknown>[] }; // safe because: the line's own shape
    expect(errors.map(({ frames: _, ...error }) => error)).toEqual([
      { name: "AggregateError", message: "effects failed", inner: 3 },
      { name: "Error", message: "the queue is away" },
      { name: "Error", message: "database or disk is full", code: "ERR_SQLITE_ERROR", of: 0 },
      { name: "TypeError", message: 'fetch of "…"', of: 1 },
    ]);
    expect(lines[0]).not.toContain(canary);
  });

  it("names some of many, so that a line stays bounded whatever failed", () => {
    const { lines, log } = logged();
    const causes = Array.from({ length: 5_000 }, (_, n) => new Error(`${n} ${"x".repeat(1_000)}`));
    log.error("object.failed", Object.assign(new Error("put off"), { causes }));
    const { errors } = JSON.parse(lines[0] ?? "") as { errors: { inner?: number }[] }; // safe because: as above
    expect([errors.length, errors[0]?.inner]).toEqual([8, 5_000]);
    expect(lines[0]?.length).toBeLessThan(32_000);
  });

  it("ends on errors that cause themselves, so that logging never hangs", () => {
    const { lines, log } = logged();
    const loop = new Error("loop");
    loop.cause = loop;
    log.error("x", loop);
    expect(lines).toHaveLength(1);
  });
});
