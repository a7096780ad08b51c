import type { BatchEndpoint } from "../../../shared/contracts/http/batches.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchError, ValidatedLines } from "../../../shared/contracts/ports/batch-store.ts";
import { encodeHex } from "../../../shared/crypto/hex.ts";
import { sha256 } from "../../../shared/crypto/sha256.ts";
import { type Driven, inputFrom, kept, pauses } from "./drive.ts";
import { offeredFor, SURFACES } from "./line-task.ts";
import { linesOf } from "./lines.ts";
import { parseLine } from "./parse-line.ts";

const whole = (code: string, message: string, param: string | null = null): BatchError => ({
  code,
  line: null,
  message,
  param,
});

/** Reads the whole input, in steps that each are one write; goes on where an earlier turn stopped. */
export async function validate(of: Driven): Promise<void> {
  const { deps, turn, tenantId, id, fence } = of;
  let { place } = turn;
  let model = of.batch.model;
  let good = of.batch.counts.total;
  const step = async (lines: Omit<ValidatedLines, "place">) => {
    of.batch = kept(await deps.batches.validated(tenantId, id, fence, { place, ...lines }));
  };
  const fail = (error: BatchError) => step({ ids: [], errors: [error], model, done: true });
  const input = await deps.batches.file(tenantId, of.batch.input_file);
  const source = input.ok ? await inputFrom(of, place.offset) : null;
  if (!input.ok || source === null)
    return fail(whole("file_not_found", "The input file is not there any more.", "input_file_id"));
  if (input.value.bytes > LIMITS.batchInputBytesMax)
    return fail(whole("file_too_large", `An input may have at most ${LIMITS.batchInputBytesMax} bytes.`));
  const endpoint = of.batch.endpoint as BatchEndpoint; // safe because: `batches.create` accepted it
  const known = new Map<string, boolean>();
  const isKnown = (name: string): boolean => {
    const found = known.get(name) ?? offeredFor(deps, of.state, SURFACES[endpoint], name) !== null;
    if (known.size < LIMITS.modelsMax) known.set(name, found);
    return found;
  };
  let ids: ValidatedLines["ids"] = [];
  let errors: BatchError[] = [];
  let from = place.offset;
  for await (const line of linesOf(source, place, LIMITS.batchLineBytesMax)) {
    const parsed = parseLine(line, endpoint);
    place = line.next;
    if (!parsed.ok) errors.push(parsed.error);
    else {
      const { model: named, customId } = parsed.value;
      const bad = (code: string, message: string) =>
        errors.push({ code, line: line.line, message, param: "body.model" });
      if (!isKnown(named)) bad("model_not_found", `There is no model \`${named.slice(0, 128)}\` for this caller.`);
      else if (model !== null && named !== model)
        bad("mismatched_model", `All lines of a batch name one model; the first one named \`${model}\`.`);
      else model ??= named;
      good++;
      ids.push({ line: line.line, hash: encodeHex(sha256(customId).subarray(0, 16)) });
    }
    if (good > LIMITS.batchLinesMax)
      return fail(whole("too_many_lines", `A batch may have at most ${LIMITS.batchLinesMax} lines.`));
    const full = ids.length + errors.length >= LIMITS.batchStepLinesMax;
    if (!full && place.offset - from < LIMITS.batchStepBytesMax) continue;
    await step({ ids, errors, model, done: false });
    ids = [];
    errors = [];
    from = place.offset;
    if (of.batch.status !== "validating" || pauses(of)) return;
  }
  if (good === 0 && errors.length === 0 && of.batch.errors.length === 0)
    errors.push(whole("empty_file", "The input file has no lines."));
  await step({ ids, errors, model, done: true });
}
