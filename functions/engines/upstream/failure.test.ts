import { describe, expect, it } from "vitest";
import { EgressRefused } from "../../../shared/contracts/ports/egress.ts";
import { clean, networkFailure, readError, retryAfterMs, statusFailure } from "./failure.ts";
import { isPinnedModel, reportedModel } from "./model-check.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const fail = (status: number, text = "", headers: Record<string, string> = {}) =>
  statusFailure(status, new Headers(headers), text, "sk-canary", NOW);

describe("statusFailure", () => {
  it.each([
    [400, "rejected"],
    [413, "rejected"],
    [422, "rejected"],
    [401, "unauthorized"],
    [403, "unauthorized"],
    [404, "failed"],
    [302, "failed"],
    [408, "timeout"],
    [429, "overloaded"],
    [503, "overloaded"],
    [529, "overloaded"],
    [500, "failed"],
    [502, "failed"],
    [504, "timeout"],
  ])("takes %i for %s", (status, reason) => {
    expect(fail(status).reason).toBe(reason);
  });

  it("passes on what was wrong with the request, so that the caller can mend it", () => {
    const text = JSON.stringify({ error: { message: "bad\nfield", type: "t", code: "c", param: "p" } });
    expect(fail(400, text)).toEqual({ reason: "rejected", status: 400, message: "bad field", code: "c", param: "p" });
  });

  it("never passes on our key or an upstream's page, so that neither reaches a caller", () => {
    expect(fail(400, '{"error":{"message":"key sk-canary is odd"}}')).toMatchObject({
      message: "key [redacted] is odd",
    });
    expect(fail(500, "<html>internal host db1</html>")).toMatchObject({ message: "the engine answered 500" });
    expect(clean("x".repeat(5_000), null)).toHaveLength(1_000);
  });

  it.each([
    ['{"error":"flat"}', "flat", null],
    ['{"type":"error","error":{"type":"invalid_request_error","message":"m"}}', "m", "invalid_request_error"],
    ['{"title":"t","detail":"d"}', "d", null],
    ['{"detail":"fast"}', "fast", null],
    ["not json", null, null],
  ])("reads the error document %s", (text, message, code) => {
    expect(readError(text)).toMatchObject({ message, code });
  });
});

describe("retryAfterMs", () => {
  it.each([
    [{ "retry-after-ms": "250", "retry-after": "9" }, 250],
    [{ "retry-after": "2" }, 2_000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after": "Thu, 01 Jan 2026 00:00:03 GMT" }, 3_000],
    [{ "retry-after": "Wed, 31 Dec 2025 00:00:00 GMT" }, 0],
    [{ "retry-after": "-4" }, 0],
    [{ "retry-after": "soon" }, null],
    [{ "retry-after": "" }, null],
    [{}, null],
    [{ "retry-after": "1e99" }, 86_400_000],
  ])("reads %j as %s", (headers, expected) => {
    expect(retryAfterMs(new Headers(headers), NOW)).toBe(expected);
  });
});

describe("networkFailure", () => {
  const caused = (message: string, cause?: unknown): Error => new TypeError(message, { cause });
  it.each([
    ["Node, refused", caused("fetch failed", Object.assign(new Error("x"), { code: "ECONNREFUSED" })), "unreachable"],
    ["Node, no such host", caused("fetch failed", Object.assign(new Error("x"), { code: "ENOTFOUND" })), "unreachable"],
    [
      "Node, reset after sending",
      caused("fetch failed", Object.assign(new Error("x"), { code: "ECONNRESET" })),
      "failed",
    ],
    [
      "Deno, refused",
      caused(
        "error sending request for url (http://x/): client error (Connect): tcp connect error: Connection refused",
      ),
      "unreachable",
    ],
    ["Deno, reset", caused("error sending request for url (http://x/): client error (SendRequest)"), "failed"],
    ["our own egress rule", new EgressRefused("no"), "unreachable"],
    ["anything else", "text", "failed"],
  ])("%s is %s, because only what never ran is free to repeat", (_, error, reason) => {
    expect(networkFailure(error).reason).toBe(reason);
  });
});

describe("the pinned model", () => {
  it.each([
    ["gpt-x", "gpt-x", true],
    ["gpt-x", "gpt-x-2026-01-31", true],
    ["claude-x", "claude-x-20260131", true],
    ["gpt-x", "gpt-x-0613", true],
    ["gpt-x", "gpt-x-mini", false],
    ["gpt-x", "gpt-x-mini-2026-01-31", false],
    ["gpt-x-2026-01-31", "gpt-x", false],
    ["gpt-x-2026-01-31", "gpt-x-2026-02-28", false],
    ["gpt-x", "other", false],
    ["gpt-x", "", true],
  ])("%s answered by %s: %s", (pinned, reported, accepted) => {
    expect(isPinnedModel(pinned, reported)).toBe(accepted);
  });

  it("is read past schemas and text that hold the same word, so that no tool can hide a swapped model", () => {
    const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    expect(reportedModel(bytes({ model: "a", choices: [{ message: { content: '"model":"b"' } }] }))).toBe("a");
    expect(reportedModel(bytes({ tools: [{ enum: { model: "b" } }], model: "a" }))).toBe("a");
    expect(reportedModel(bytes({ type: "x", response: { tools: [{ model: "b" }], model: "a" } }))).toBe("a");
    expect(reportedModel(bytes({ data: [] }))).toBeNull();
  });
});
