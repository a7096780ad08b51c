import { toFile } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cell, startCell } from "../support/cell.ts";
import { type Lab, labOver, user } from "../support/lab.ts";
import { testConfig } from "../support/test-config.ts";
import { Upstream } from "../support/upstream.ts";
import { whileItMoves } from "../support/while-it-moves.ts";
import { observed } from "./faults/observed.ts";

const LINES = 2_000;
/** Longer than the lease of what the killed cell drove. */
const STILL_MS_MAX = 120_000;
const ENDPOINT = "/v1/chat/completions";

describe("a batch whose cell is killed in the middle of it", () => {
  let upstream: Upstream;
  let cell: Cell;
  let lab: Lab;
  beforeAll(async () => {
    upstream = await new Upstream().start();
    cell = await startCell({
      runtime: "deno",
      config: testConfig({ local: upstream.url }),
      env: { TEST_UPSTREAM_KEY: "k" },
    });
    lab = labOver(
      () => cell,
      () => upstream,
      () => upstream,
    );
  });
  afterAll(async () => {
    await cell?.stop();
    await upstream?.stop();
  });

  it("loses and doubles no line: each has one result, and the ledger has each task opened and closed once", async () => {
    const tenant = await lab.newTenant();
    const client = lab.openai(tenant.apiKey);
    const text = Array.from({ length: LINES }, (_, at) =>
      JSON.stringify({
        custom_id: `c${at}`,
        method: "POST",
        url: ENDPOINT,
        body: { model: "echo", messages: [user(`line ${at}`)] },
      }),
    ).join("\n");
    const file = await client.files.create({
      file: await toFile(new TextEncoder().encode(text), "in"),
      purpose: "batch",
    });
    const { id } = await client.batches.create({
      input_file_id: file.id,
      endpoint: ENDPOINT,
      completion_window: "24h",
    });
    const look = () => client.batches.retrieve(id);
    const moving = {
      count: ({ status, request_counts }: Awaited<ReturnType<typeof look>>) =>
        `${status} ${request_counts?.completed ?? 0} ${request_counts?.failed ?? 0}`,
      stillMsMax: STILL_MS_MAX,
    };
    const begun = await whileItMoves(look, {
      ...moving,
      done: ({ request_counts }) => (request_counts?.completed ?? 0) > LINES / 4,
    });
    expect(begun.status).toBe("in_progress");
    await cell.kill9();
    await cell.start();
    const done = await whileItMoves(look, { ...moving, done: ({ status }) => status === "completed" });
    expect(done.status).toBe("completed");
    const linesOf = async (name: string | null | undefined) =>
      name
        ? (await (await client.files.content(name)).text())
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line))
        : [];
    const output = await linesOf(done.output_file_id);
    const errors = await linesOf(done.error_file_id);
    expect(output.length + errors.length).toBe(LINES);
    expect(new Set([...output, ...errors].map(({ custom_id }) => custom_id)).size).toBe(LINES);
    expect(done.request_counts).toEqual({ total: LINES, completed: output.length, failed: errors.length });
    // What was with an engine when the cell died is not asked again: nobody is charged twice.
    for (const { response } of errors) expect(response.body.error.code).toBe("outcome_unknown");
    const kinds = new Map<string, string[]>();
    for (let from = 1; ; ) {
      const page = await lab.json(`/v1/ledger?limit=100&from=${from}`, { key: tenant.adminKey });
      for (const { task, kind } of page.data) if (task) kinds.set(task, [...(kinds.get(task) ?? []), kind]);
      if (!page.has_more) break;
      from = page.next_from;
    }
    for (const { response } of output) expect(kinds.get(response.request_id)).toEqual(["task.opened", "task.closed"]);
    for (const seen of kinds.values()) expect(seen.filter((kind) => kind === "task.opened").length).toBe(1);
    observed(
      "batch-killed",
      "deno",
      `${LINES} lines: ${output.length} results, ${errors.length} with an unknown outcome, none lost or doubled, each task opened once`,
    );
  }, 1_800_000);
});
