import { describe, expect, it } from "vitest";
import type { RequestId, TaskId } from "../../shared/contracts/ids.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Route } from "../../shared/contracts/task.ts";
import { MetricRegistry } from "../../shared/telemetry/metric-registry.ts";
import { notRedacted, reasonWith, redactForHop } from "./hop-redaction.ts";
import { provider } from "./routing.fixture.ts";

const call = { request: "req_1" as RequestId, task: "task_1" as TaskId }; // safe because: ids of no store
const said = (content: JsonObject["content"]): JsonObject => ({
  messages: [{ role: "user", content: content ?? null }],
});

function redact(route: Route, locality: "local" | "api", body: JsonObject) {
  const logged: string[] = [];
  const log = { info() {}, warn() {}, error: (event: string) => void logged.push(event) };
  const telemetry = {
    log,
    metrics: new MetricRegistry({}),
    start: () => {
      throw new Error("no span is started here");
    },
    beforeReading() {},
    exposition: () => "",
    sums: () => new Map(),
    flush: async () => {},
  };
  return {
    logged,
    made: redactForHop({ telemetry }, call, { route, provider: provider("p", { locality }) }, "openai.chat", body),
  };
}

describe("redactForHop", () => {
  it("lets a provider behind our own pool see placeholders only", () => {
    expect(redact("hybrid", "api", said("write to alice@example.com")).made).toEqual({
      ok: true,
      value: { body: said("write to [email-1]"), redaction: { email: 1 } },
    });
  });

  it.each<[Route, "local" | "api"]>([
    ["local", "local"],
    ["api", "api"],
    ["hybrid", "local"],
  ])("sends the body as it is on route %s to a provider that is %s", (route, locality) => {
    const body = said("write to alice@example.com");
    const { made } = redact(route, locality, body);
    expect(made).toEqual({ ok: true, value: { body, redaction: null } });
    expect(made.ok && made.value.body).toBe(body);
  });

  it("refuses what cannot be read, so that an image never leaves unseen", () => {
    expect(redact("hybrid", "api", said([{ type: "image_url" }])).made).toEqual({
      ok: false,
      error: { reason: "redaction_impossible", param: "messages[0].content[0].type" },
    });
  });

  it("refuses when redaction itself breaks, so that a defect of ours sends nothing", () => {
    const hostile: JsonObject = {};
    Object.defineProperty(hostile, "messages", {
      enumerable: true,
      get() {
        throw new Error("broken");
      },
    });
    const { made, logged } = redact("hybrid", "api", hostile);
    expect(made).toEqual({ ok: false, error: { reason: "redaction_failed" } });
    expect(logged).toEqual(["redaction.failed"]);
  });
});

describe("what is recorded", () => {
  it("counts by kind and never holds content", () => {
    expect(reasonWith("fallback", { phone: 1, email: 2 })).toBe("fallback (redacted: email 2, phone 1)");
    expect(reasonWith("fallback", {})).toBe("fallback (redacted: nothing)");
    expect(reasonWith("fallback", null)).toBe("fallback");
  });

  it("names the part that stands against a fallback, so that the caller can leave it out", () => {
    const problem = notRedacted({ reason: "redaction_impossible", param: "messages[0]" });
    expect([problem.slug, problem.extensions.param]).toEqual(["no-route", "messages[0]"]);
    expect(notRedacted({ reason: "redaction_failed" }).extensions.param).toBeUndefined();
  });
});
