import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { summedMetrics } from "./summed-metrics.ts";

/** A cell's object that adds up, and isolates that tell it. */
function cell() {
  const sums: Record<string, number> = {};
  const state = { calls: 0, down: false, gate: null as Promise<void> | null };
  const store = {
    async count(increments: Readonly<Record<string, number>>) {
      state.calls++;
      await state.gate;
      if (state.down) throw new Error("the object is away");
      for (const [name, by] of Object.entries(increments)) sums[name] = (sums[name] ?? 0) + by;
      return { ...sums };
    },
  };
  const logged: string[] = [];
  const isolate = () => {
    const telemetry = createTelemetry({
      ...{ service: "bailiwick", cell: "local", exporter: null, sample: { ratio: 1, followParent: true } },
      sink: (line) => void logged.push(line),
      clock: { now: () => 0 as UnixMs }, // safe because: an instant
      ids: { bytes: (count) => new Uint8Array(count) },
    });
    return { ...telemetry, ...summedMetrics(telemetry, store) };
  };
  return { isolate, state, sums, logged };
}
const lines = (text: string, name: string) => text.split("\n").filter((line) => line.startsWith(name));
const call = { http_request_method: "POST", http_route: '/v1/"x"', http_response_status_code: 200 };

describe("metrics of a cell of many isolates", () => {
  it("are those of all of them, whichever is asked, so that a rate is the cell's and never falls", async () => {
    const { isolate } = cell();
    const [one, other] = [isolate(), isolate()];
    one.metrics.count("bailiwick_refusals_total", { reason: "a" });
    other.metrics.count("bailiwick_refusals_total", { reason: "a" }, 2);
    other.metrics.count("bailiwick_refusals_total", { reason: "b" });
    one.metrics.observe("http_server_request_duration_seconds", call, 0.003);
    other.metrics.observe("http_server_request_duration_seconds", call, 0.02);
    other.metrics.observe("http_server_request_duration_seconds", call, 99);
    await other.tell();
    const text = await one.exposition();
    expect(lines(text, "bailiwick_refusals_total")).toEqual([
      'bailiwick_refusals_total{reason="a"} 3',
      'bailiwick_refusals_total{reason="b"} 1',
    ]);
    const duration = lines(text, "http_server_request_duration_seconds");
    const labels = 'http_request_method="POST",http_route="/v1/\\"x\\"",http_response_status_code="200"';
    expect(duration).toContain(`http_server_request_duration_seconds_bucket{${labels},le="0.005"} 1`);
    expect(duration).toContain(`http_server_request_duration_seconds_bucket{${labels},le="0.025"} 2`);
    expect(duration).toContain(`http_server_request_duration_seconds_bucket{${labels},le="10"} 2`);
    expect(duration).toContain(`http_server_request_duration_seconds_bucket{${labels},le="+Inf"} 3`);
    expect(duration).toContain(`http_server_request_duration_seconds_count{${labels}} 3`);
    expect(duration.find((line) => line.includes("_sum"))).toMatch(/ 99\.023/);
  });

  it("survive an isolate, and one that starts adds to them", async () => {
    const { isolate } = cell();
    const gone = isolate();
    gone.metrics.count("bailiwick_refusals_total", { reason: "a" }, 5);
    await gone.tell();
    const next = isolate();
    next.metrics.count("bailiwick_refusals_total", { reason: "a" });
    expect(lines(await next.exposition(), "bailiwick_refusals_total")).toEqual([
      'bailiwick_refusals_total{reason="a"} 6',
    ]);
  });

  it("are told once however many tell at a time, and again after a refusal", async () => {
    const { isolate, state, sums } = cell();
    const one = isolate();
    one.metrics.count("bailiwick_refusals_total", { reason: "a" });
    state.down = true;
    await expect(one.tell()).rejects.toThrow();
    state.down = false;
    await Promise.all([one.tell(), one.tell(), one.tell()]);
    expect(sums['bailiwick_refusals_total{reason="a"}']).toBe(1);
  });

  it("show no counter of one isolate while the object is away, because it would look like a restart", async () => {
    const { isolate, state, logged } = cell();
    const one = isolate();
    one.metrics.count("bailiwick_refusals_total", { reason: "a" });
    one.metrics.set("bailiwick_breaker_state", { provider: "p" }, 2);
    state.down = true;
    const text = await one.exposition();
    expect(lines(text, "bailiwick_refusals_total")).toEqual([]);
    expect(text).toContain('bailiwick_breaker_state{provider="p"} 2');
    expect(logged.join()).toContain("metrics.untold");
  });

  it("keep what another release counted under other bounds, in the next higher bucket", async () => {
    const { isolate, sums } = cell();
    sums['bailiwick_policy_evaluation_seconds{layer="cell"} le 0.000002'] = 3;
    sums['bailiwick_policy_evaluation_seconds{layer="cell"} le 70'] = 1;
    Object.assign(sums, { bailiwick_forgotten_total: 9 });
    const text = await isolate().exposition();
    expect(text).toContain('bailiwick_policy_evaluation_seconds_bucket{layer="cell",le="0.000001"} 0\n');
    expect(text).toContain('bailiwick_policy_evaluation_seconds_bucket{layer="cell",le="0.0000025"} 3\n');
    expect(text).toContain('bailiwick_policy_evaluation_seconds_bucket{layer="cell",le="+Inf"} 4\n');
    expect(text).not.toContain("forgotten");
  });
});
