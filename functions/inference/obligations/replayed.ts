import type { Obligation } from "../../../shared/contracts/decision.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import type { ObligationId } from "../../../shared/contracts/policy/obligations.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import type { StoredResult } from "../../../shared/contracts/ports/task-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { SseSplitter } from "../../dialects/sse.ts";
import { ProblemError } from "../../problem.ts";
import { concat } from "../result-keeper.ts";
import { ofKind } from "./duties.ts";
import type { Outcomes } from "./outcomes.ts";
import { OutputDuty } from "./output-duty.ts";

export interface Undeliverable {
  id: ObligationId;
  cause: unknown;
}

/**
 * A stored answer as the present decision lets it be delivered: a stream's frames go through what a running stream's go
 * through. Redacting what is redacted changes nothing. Problems are delivered as they are: they hold no answer.
 */
export function replayedUnder(
  surface: Dialect,
  duties: readonly Obligation[],
  stored: Pick<StoredResult, "status" | "stream">,
  body: Uint8Array,
  outcomes: Outcomes,
): Result<Uint8Array, Undeliverable> {
  return undeliverable(outcomes, surface, duties, (output) => {
    if (!output.redacts || stored.status >= 400) return body;
    if (!stored.stream) return utf8(JSON.stringify(output.whole(parse(body))));
    const splitter = new SseSplitter();
    const frames = splitter.push(body);
    const rest = splitter.end();
    const sent = [...frames, ...(rest ? [rest] : [])]
      .filter((frame) => frame.hasData())
      .flatMap((frame) => output.sent([{ payload: frame.payload(), raw: frame.raw }]).map(({ raw }) => raw));
    return concat(
      sent,
      sent.reduce((size, raw) => size + raw.byteLength, 0),
    );
  });
}

/** Stored JSON as the present decision lets it be delivered: a response, items of a conversation. */
export const storedUnder = (
  duties: readonly Obligation[],
  value: JsonObject,
  outcomes: Outcomes,
): Result<JsonObject, Undeliverable> =>
  undeliverable(outcomes, "openai.responses", duties, (output) => output.whole(value));

/** The outcome of each `redact_output` is recorded either way. */
function undeliverable<T>(
  outcomes: Outcomes,
  surface: Dialect,
  duties: readonly Obligation[],
  work: (output: OutputDuty) => T,
): Result<T, Undeliverable> {
  try {
    const output = new OutputDuty(surface, duties, outcomes);
    const made = work(output);
    output.replayed();
    return ok(made);
  } catch (cause) {
    if (!(cause instanceof ProblemError)) {
      for (const duty of ofKind(duties, "redact_output")) outcomes.failed(duty, "the answer cannot be read");
      return err({ id: "redact_output", cause });
    }
    return err({ id: "redact_output", cause: cause.cause });
  }
}

function parse(body: Uint8Array): JsonObject {
  const parsed = JSON.parse(new TextDecoder().decode(body)) as JsonValue; // safe because: JSON.parse gives JSON values
  if (!isJsonObject(parsed)) throw new Error("a stored answer is no object");
  return parsed;
}
