import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { LogEnd } from "../../../shared/contracts/ports/task-log.ts";
import type { Call, Deps } from "../../context.ts";
import { type LogEvent, readLog, refuseCrowd } from "../../detached/read-log.ts";
import { sseReply } from "../../detached/sse-reply.ts";
import { deliverStored } from "../../inference/obligations/deliver-stored.ts";
import { ofKind } from "../../inference/obligations/duties.ts";
import { refuseFor } from "../../inference/obligations/refuse.ts";
import { replayedUnder } from "../../inference/obligations/replayed.ts";
import { concat } from "../../inference/result-keeper.ts";
import { ProblemError } from "../../problem.ts";
import { keepDecided } from "../ask-policy.ts";
import { type Reply, value } from "../operation.ts";
import { type Background, backgroundObject, findBackground, responseEvent } from "./background.ts";

type Events = AsyncGenerator<LogEvent, void, undefined>;
export const notStreamed = (detail: string) => new ProblemError("invalid-request", { param: "stream", detail });

/**
 * A background response as it stands, or its stream behind `starting_after` as it was and goes on; null when there is none
 * of this id. Content goes out under the decision about this read.
 */
export async function readBackground(
  deps: Deps,
  call: Call,
  id: string,
  { stream, starting_after }: { stream?: string | undefined; starting_after?: number | undefined },
): Promise<Reply | null> {
  const background = await findBackground(deps, call, id);
  if (background === null) return null;
  if (stream !== "true") {
    if (starting_after !== undefined) throw notStreamed("starting_after is of streams.");
    const object = await backgroundObject(deps, call, background);
    return object === null ? null : value(await deliverStored(deps, call, object));
  }
  const log = await readLog(deps, background.dataKey, call.tenant.id, background.task, 0);
  if (!log.ok) {
    refuseCrowd(log.error);
    throw new ProblemError("not-found", { param: "response_id" });
  }
  if (background.asked !== null ? background.asked.stream !== true : background.state.head?.stream !== true) {
    await log.value.return();
    throw notStreamed("Only a response that was created with `stream: true` can be streamed.");
  }
  const frames = behind(log.value, background, starting_after ?? -1);
  const redacts = ofKind(call.decided.decision.obligations, "redact_output").length > 0;
  return sseReply(deps, redacts ? await redacted(deps, call, frames) : frames);
}

/** Frames whose `sequence_number` is greater than `after`, byte for byte. */
async function* behind(
  events: Events,
  { id }: Background,
  after: number,
): AsyncGenerator<Uint8Array, LogEnd, undefined> {
  for await (const event of events) {
    if (event.kind === "end") return event.end;
    if (event.kind === "head") continue;
    const told: JsonObject | null = responseEvent(event.frame);
    const response = told?.response;
    // What somebody guessed belongs to another answer.
    if (response !== null && typeof response === "object" && !Array.isArray(response) && response.id !== id)
      throw new ProblemError("not-found", { param: "response_id" });
    if (typeof told?.sequence_number === "number" && told.sequence_number <= after) continue;
    yield event.frame;
  }
  throw new Error("the log broke off");
}

/** Redaction is of a whole answer: it is waited for, and then delivered as the decision lets it be. */
async function redacted(
  deps: Deps,
  call: Call,
  frames: AsyncGenerator<Uint8Array, LogEnd, undefined>,
): Promise<AsyncGenerator<Uint8Array, LogEnd, undefined>> {
  const parts: Uint8Array[] = [];
  let next = await frames.next();
  for (; !next.done; next = await frames.next()) parts.push(next.value);
  const { value: end } = next;
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const { obligations } = call.decided.decision;
  const stored = { status: 200, stream: true };
  const made = replayedUnder("openai.responses", obligations, stored, concat(parts, size), call.outcomes);
  if (!made.ok) throw await refuseFor(deps, call, made.error.id, made.error.cause);
  await keepDecided(deps, call);
  return (async function* () {
    yield made.value;
    return end;
  })();
}
