import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ENTRIES } from "../../support/global-entries.ts";
import { eventually, user } from "../../support/lab.ts";
import { OtlpCollector } from "../../support/otlp-collector.ts";
import { type PassingCell, startPassingCell } from "../../support/passing-lab.ts";

const CHAT = "/v1/chat/completions";

describe.each(ENTRIES)("a trace through the global entry on %s", (_, start) => {
  const collector = new OtlpCollector();
  let behind: PassingCell;
  beforeAll(async () => {
    await collector.start();
    behind = await startPassingCell("deno", { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  });
  afterAll(async () => {
    await behind?.stop();
    await collector.stop();
  });

  it("is one tree of caller, entry and cell, so that who waits sees where", async () => {
    const { lab, entry } = await behind.through(start, 1, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    try {
      const { apiKey } = await lab.newTenant();
      const [trace, span] = [randomBytes(16).toString("hex"), randomBytes(8).toString("hex")];
      const body = { model: "echo", messages: [user("hello")] };
      const headers = { traceparent: `00-${trace}-${span}-01` };
      expect((await lab.ask(CHAT, { key: apiKey, headers, body })).status).toBe(200);
      const named = (name: string) =>
        collector.spans.find((each) => each.traceId === trace && each.name === name)?.spanId ?? null;
      const names = ["entry", "forward", `POST ${CHAT}`, "settle"];
      await eventually(
        async () => names.map(named),
        (found) => !found.includes(null),
      );
      const parents = names.map(
        (name) => collector.spans.find((each) => each.traceId === trace && each.name === name)?.parentSpanId,
      );
      expect(parents).toEqual([span, ...names.slice(0, -1).map(named)]);
    } finally {
      await entry.stop();
    }
  });
});
