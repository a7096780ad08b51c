import { isJsonObject } from "../../../shared/contracts/json.ts";
import type { BatchFacts, Credential, Facts } from "../facts.ts";
import type { Generation } from "../parts/engines.ts";
import type { Caller } from "../workload/caller.ts";
import { object, unary } from "../workload/read.ts";
import { checkSaid } from "./answers.ts";
import type { Complain } from "./judge.ts";

/** Every line of a batch that ended has one result, its own, and nobody else's. */
export async function checkBatch(
  caller: Caller,
  admin: Credential,
  batch: BatchFacts,
  facts: Facts,
  generations: readonly Generation[],
  complain: Complain,
): Promise<void> {
  const byId = new Map(generations.map((generation) => [generation.id, generation]));
  const found = await caller.settled(admin, "GET", `/v1/batches/${batch.id}`);
  if (found === null || found.answer.status !== 200)
    return complain("no acknowledged record is lost", `batch ${batch.id}: ${found?.answer.status ?? "no answer"}`);
  const { status, output_file_id, error_file_id, request_counts } = found.body;
  const results = new Map<string, number>();
  for (const file of [output_file_id, error_file_id]) {
    if (typeof file !== "string") continue;
    const read = await caller.send(admin, "GET", `/v1/files/${file}/content`);
    if (read === null || read.status !== 200 || read.broken) {
      complain("no acknowledged record is lost", `file ${file} of batch ${batch.id}: ${read?.status ?? "no answer"}`);
      continue;
    }
    for (const text of read.text.split("\n").filter((line) => line !== "")) {
      const line = object(text);
      const id = String(line?.custom_id);
      results.set(id, (results.get(id) ?? 0) + 1);
      const response = line?.response;
      const body = isJsonObject(response) && response.status_code === 200 ? response.body : undefined;
      const prompt = facts.prompts.get(batch.lines.get(id) ?? "");
      const said = isJsonObject(body) ? unary(body) : null;
      if (prompt === undefined)
        complain("a batch has one result per line", `${batch.id}: a line ${id} that was not there`);
      else if (said !== null) checkSaid(prompt, said, true, byId, complain);
    }
  }
  for (const [id, times] of results)
    if (times !== 1) complain("a batch has one result per line", `${batch.id}: ${id} has ${times}`);
  if (status === "completed" && results.size !== batch.lines.size)
    complain("a batch has one result per line", `${batch.id}: ${results.size} results of ${batch.lines.size} lines`);
  const total = isJsonObject(request_counts) ? Number(request_counts.completed) + Number(request_counts.failed) : -1;
  if (status === "completed" && total !== batch.lines.size)
    complain("a batch counts its lines", `${batch.id}: ${JSON.stringify(request_counts)}`);
}
