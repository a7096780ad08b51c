import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, startLab, user, WITHOUT_DATABASE } from "../../support/lab.ts";
import { OtlpCollector } from "../../support/otlp-collector.ts";

const CHAT = "/v1/chat/completions";
const EVERY_MS = 1_000;

describe.each(["deno", "workerd"] as const)("metrics of a cell on %s", (runtime) => {
  let collector: OtlpCollector;
  let lab: Awaited<ReturnType<typeof startLab>>;
  beforeAll(async () => {
    collector = await new OtlpCollector().start();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_METRIC_EXPORT_INTERVAL: String(EVERY_MS) };
    lab = await startLab({ runtime, env: runtime === "workerd" ? env : { ...env, ...WITHOUT_DATABASE } });
  });
  afterAll(async () => {
    await lab?.stop();
    await collector?.stop();
  });

  it("reach the collector by themselves and say what /metrics says, so that neither needs the other", async () => {
    const tenant = await lab.newTenant();
    const ask = async () =>
      void (await lab.json(CHAT, { key: tenant.apiKey, body: { model: "echo", messages: [user("hello")] } }));
    for (let calls = 0; calls < 5; calls++) await ask();
    const seen = () =>
      collector.points.findLast(
        ({ name, attributes }) =>
          name === "gen_ai.server.request.duration" && attributes["gen_ai.request.model"] === "echo",
      );
    const exported = await eventually(
      async () => {
        // On workerd a request's own time is all there is to send in.
        if (runtime === "workerd") await lab.json("/v1/models", { key: tenant.apiKey });
        return seen();
      },
      (point) => point?.value === 5,
      20_000,
    );
    expect(exported).toMatchObject({
      value: 5,
      instance: expect.stringMatching(/^[0-9A-Za-z]{22}$/),
      attributes: { "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai" },
    });
    const text = await (await lab.ask("/metrics", { key: lab.cell.adminKey })).text();
    const [, counted] =
      /^gen_ai_server_request_duration_seconds_count\{[^}]*gen_ai_request_model="echo"[^}]*\} (\d+)$/m.exec(text) ?? [];
    expect(Number(counted)).toBe(5);
    const info = collector.points.findLast(({ name }) => name === "bailiwick.config_info");
    expect(text).toContain(`bailiwick_config_info{digest="${info?.attributes.digest}"} 1`);
  });
});

it("metrics are sent once more when a cell stops, so that its last calls are counted", async () => {
  const collector = await new OtlpCollector().start();
  const env = { ...WITHOUT_DATABASE, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const lab = await startLab({ runtime: "deno", env });
  try {
    await lab.ask("/v1/models", { key: "nonsense" });
    expect(collector.points).toEqual([]);
    await lab.cell.drain();
    expect(collector.points).toContainEqual(
      expect.objectContaining({ name: "bailiwick.refusals", value: 1, attributes: { reason: "unauthenticated" } }),
    );
  } finally {
    await lab.stop();
    await collector.stop();
  }
});
