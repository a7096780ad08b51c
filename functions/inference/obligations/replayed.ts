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
import { Outcomes } from "./outcomes.ts";
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
): Result<Uint8Array, Undeliverable> {
  return undeliverable(() => {
    const output = new OutputDuty(surface, duties, new Outcomes());
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
export const storedUnder = (duties: readonly Obligation[], value: JsonObject): Result<JsonObject, Undeliverable> =>
  undeliverable(() => new OutputDuty("openai.responses", duties, new Outcomes()).whole(value));

function undeliverable<T>(work: () => T): Result<T, Undeliverable> {
  try {
    return ok(work());
  } catch (cause) {
    if (!(cause instanceof ProblemError)) return err({ id: "redact_output", cause });
    return err({ id: "redact_output", cause: cause.cause });
  }
}

function parse(body: Uint8Array): JsonObject {
  const parsed = JSON.parse(new TextDecoder().decode(body)) as JsonValue; // safe because: JSON.parse gives JSON values
  if (!isJsonObject(parsed)) throw new Error("a stored answer is no object");
  return parsed;
}
