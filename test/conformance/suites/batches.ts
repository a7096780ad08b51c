import { toFile } from "openai";
import { describe, expect, it } from "vitest";
import { eventually, type Lab, marker, type Tenant, user } from "../../support/lab.ts";

const ENDPOINT = "/v1/chat/completions";
/** More than run before a test has asked for their end. */
const LINES = 1_000;
const line = (custom_id: string, text: string, more: object = {}) =>
  JSON.stringify({
    custom_id,
    method: "POST",
    url: ENDPOINT,
    body: { model: "echo", messages: [user(text)] },
    ...more,
  });
const ENDED = ["completed", "failed", "expired", "cancelled"];

export function batchesSuite(lab: Lab): void {
  describe("batches", () => {
    const start = async ({ apiKey }: Tenant, text: string, more: object = {}) => {
      const client = lab.openai(apiKey);
      const file = await client.files.create({
        file: await toFile(new TextEncoder().encode(text), "in.jsonl"),
        purpose: "batch",
      });
      const batch = await client.batches.create({
        input_file_id: file.id,
        endpoint: ENDPOINT,
        completion_window: "24h",
        ...more,
      });
      return { client, batch };
    };
    const over = async (client: ReturnType<Lab["openai"]>, id: string) =>
      eventually(
        () => client.batches.retrieve(id),
        ({ status }) => ENDED.includes(status),
        60_000,
      );
    const linesOf = async (client: ReturnType<Lab["openai"]>, file: string | null | undefined) =>
      (await (await client.files.content(file ?? "")).text())
        .split("\n")
        .filter((text) => text !== "")
        .map((text) => JSON.parse(text));

    it("answers each line once, with counts, usage and metadata, in a file", async () => {
      const tenant = await lab.newTenant();
      const text = Array.from({ length: 150 }, (_, at) => line(`c${at}`, `line ${at}`)).join("\n");
      const { client, batch } = await start(tenant, text, { metadata: { run: "1" } });
      expect(batch).toMatchObject({
        object: "batch",
        status: "validating",
        output_file_id: null,
        metadata: { run: "1" },
      });
      const done = await over(client, batch.id);
      expect(done).toMatchObject({
        status: "completed",
        model: "echo",
        request_counts: { total: 150, completed: 150, failed: 0 },
        usage: { input_tokens: 1_500, output_tokens: 750, total_tokens: 2_250 },
        error_file_id: null,
        errors: null,
      });
      for (const moment of [done.in_progress_at, done.finalizing_at, done.completed_at])
        expect(moment).toBeTypeOf("number");
      const lines = await linesOf(client, done.output_file_id);
      expect(lines.map(({ custom_id }) => custom_id).sort()).toEqual(
        Array.from({ length: 150 }, (_, at) => `c${at}`).sort(),
      );
      for (const { custom_id, response, error } of lines) {
        expect([response.status_code, error]).toEqual([200, null]);
        expect(response.body.choices[0].message.content).toBe(`echo: line ${custom_id.slice(1)}`);
      }
      expect((await client.files.retrieve(done.output_file_id ?? "")).purpose).toBe("batch_output");
      expect((await client.batches.list()).data.map(({ id }) => id)).toEqual([batch.id]);
    });

    it("governs and records each line as a call of its own", async () => {
      const tenant = await lab.newTenant();
      const { client, batch } = await start(tenant, [line("a", marker()), line("b", marker())].join("\n"));
      await over(client, batch.id);
      const usage = await lab.json("/v1/usage", { key: tenant.adminKey });
      expect(usage.data).toMatchObject([{ requests: 2 }]);
    });

    it("puts lines that fail into a file of their own", async () => {
      const bad = JSON.stringify({
        custom_id: "bad",
        method: "POST",
        url: ENDPOINT,
        body: { model: "echo", messages: 7 },
      });
      const { client, batch } = await start(await lab.newTenant(), `${line("good", "x")}\n${bad}`);
      const done = await over(client, batch.id);
      expect(done).toMatchObject({ status: "completed", request_counts: { total: 2, completed: 1, failed: 1 } });
      const [failed] = await linesOf(client, done.error_file_id);
      expect(failed).toMatchObject({ custom_id: "bad", response: { status_code: 400 }, error: null });
    });

    it("names every bad line, and runs none", async () => {
      const tenant = await lab.newTenant();
      const secret = marker();
      const text = [
        `\ufeff${line("1", secret)}\r`,
        "",
        "{no json",
        line("1", "twice"),
        line("2", "x", { url: "/v1/embeddings" }),
        line("3", "x", { method: "GET" }),
        JSON.stringify({
          custom_id: "4",
          method: "POST",
          url: ENDPOINT,
          body: { model: "no-such-model", messages: [] },
        }),
        JSON.stringify({ method: "POST", url: ENDPOINT, body: { model: "echo" } }),
        JSON.stringify({ custom_id: "5", method: "POST", url: ENDPOINT, body: { model: "small", messages: [] } }),
        JSON.stringify({ custom_id: "6", method: "POST", url: ENDPOINT, body: { model: "echo", stream: true } }),
        "[]",
      ].join("\n");
      const { client, batch } = await start(tenant, text);
      const done = await over(client, batch.id);
      expect(done.status).toBe("failed");
      expect(done.errors?.data?.map((one) => [one.line, one.code])).toEqual([
        [3, "invalid_json_line"],
        [4, "duplicate_custom_id"],
        [5, "mismatched_endpoint"],
        [6, "invalid_method"],
        [7, "model_not_found"],
        [8, "missing_required_parameter"],
        [9, "mismatched_model"],
        [10, "unsupported_parameter"],
        [11, "invalid_json_line"],
      ]);
      expect(lab.upstream.about(secret)).toEqual([]);
    });

    it("fails an input without lines", async () => {
      const { client, batch } = await start(await lab.newTenant(), "\n \n");
      expect(await over(client, batch.id)).toMatchObject({
        status: "failed",
        errors: { data: [{ code: "empty_file" }] },
      });
    });

    it("cancels: what has run is answered, what has not says so, and no line is lost", async () => {
      const text = Array.from({ length: LINES }, (_, at) => line(`c${at}`, `line ${at}`)).join("\n");
      const { client, batch } = await start(await lab.newTenant(), text);
      await eventually(
        () => client.batches.retrieve(batch.id),
        ({ request_counts }) => (request_counts?.completed ?? 0) > 0,
        60_000,
      );
      expect((await client.batches.cancel(batch.id)).status).toMatch(/^cancel/);
      const done = await over(client, batch.id);
      expect(done.status).toBe("cancelled");
      const [output, errors] = await Promise.all([
        linesOf(client, done.output_file_id),
        linesOf(client, done.error_file_id),
      ]);
      expect(new Set([...output, ...errors].map(({ custom_id }) => custom_id)).size).toBe(LINES);
      expect(output.length + errors.length).toBe(LINES);
      expect(errors.some(({ error }) => error?.code === "batch_cancelled")).toBe(true);
    }, 120_000);

    it("that has ended cannot be cancelled, and the ledger tells of no cancellation", async () => {
      const tenant = await lab.newTenant();
      const { client, batch } = await start(tenant, "\n");
      expect((await over(client, batch.id)).status).toBe("failed");
      await expect(client.batches.cancel(batch.id)).rejects.toMatchObject({ status: 409 });
      const { data } = await lab.json("/v1/ledger?limit=100", { key: tenant.adminKey });
      const told = data.filter(({ detail }: { detail: { resource?: string } }) => detail.resource === batch.id);
      const ways = told.map((entry: { outcome: string; detail: object }) => [
        "canceled" in entry.detail,
        entry.outcome,
      ]);
      expect(ways).toEqual([
        [false, "pending"],
        [false, "success"],
      ]);
    });

    it("answers another tenant's batch exactly as one that never was", async () => {
      const { batch } = await start(await lab.newTenant(), line("a", "x"));
      const stranger = lab.openai((await lab.newTenant()).apiKey);
      await expect(stranger.batches.retrieve(batch.id)).rejects.toMatchObject({ status: 404 });
      await expect(stranger.batches.cancel(batch.id)).rejects.toMatchObject({ status: 404 });
      await expect(
        stranger.batches.create({ input_file_id: batch.input_file_id, endpoint: ENDPOINT, completion_window: "24h" }),
      ).rejects.toMatchObject({ status: 404 });
    });
  });
}
