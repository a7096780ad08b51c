import type { Obligation } from "../../../shared/contracts/decision.ts";
import type { StoredResult } from "../../../shared/contracts/ports/task-store.ts";
import { ok, unreachable } from "../../../shared/contracts/result.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import { quantityOf } from "../../../shared/contracts/usage.ts";
import type { Call, Deps } from "../../context.ts";
import { keepDecided, recordRefusal } from "../../v1/ask-policy.ts";
import { auditDuty } from "../../v1/carry-out.ts";
import { denied } from "../../v1/enforce.ts";
import type { KeptAnswer } from "../deliver-kept.ts";
import { NO_KEEPER } from "../result-keeper.ts";
import { choicesOf } from "./choices-of.ts";
import { disclaim } from "./disclaimer.ts";
import { allDuties, dutiesOf, ofKind } from "./duties.ts";
import { refuseFor } from "./refuse.ts";
import { replayedUnder } from "./replayed.ts";
import { retained } from "./retained.ts";

interface Kept extends Pick<KeptAnswer, "task" | "operation" | "request" | "record"> {
  stored: Pick<StoredResult, "status" | "stream">;
  body: Uint8Array;
}
/** The duty could not be met, for this reason. */
type Failure = { note: string; cause?: unknown };

/** No engine is asked, so there is nothing that these could be done to. */
const NOTHING_SENT = "nothing is sent to an engine";
const NO_ANSWER = "a problem holds no answer";

/**
 * The bytes of a kept answer as the present decision lets them be delivered. Its obligations, those of the candidate that
 * answered included, are carried out one by one and kept with the decision; one that fails is a denial, and so is an answer
 * of a candidate that policy does not approve any more. Throws the denial, ledgered.
 */
export async function keptUnderPresent(deps: Deps, call: Call, kept: Kept): Promise<Uint8Array> {
  const { decision } = call.decided;
  if (decision.obligations.length === 0 && decision.route === undefined) return kept.body;
  const record = kept.record === undefined ? await recordOf(deps, call, kept) : kept.record;
  const used = record?.route?.reasons.find(({ outcome }) => outcome === "chosen")?.candidate ?? null;
  // What policy was not asked about, such as a model that was configured away since, it has not refused either.
  const asked = used !== null && call.policyInput.candidates.some(({ id }) => id === used);
  if (asked && decision.route?.candidates.has(used) === false) {
    const refusal = denied(["no_approved_candidate"]);
    await recordRefusal(deps, call, refusal);
    throw refusal;
  }
  const duties = asked ? dutiesOf(decision, used) : allDuties(decision);
  if (duties.length === 0) return kept.body;
  const each = async (some: readonly Obligation[], body: Uint8Array): Promise<void> => {
    for (const duty of some) {
      const failure = await carryOut(deps, call, { ...kept, body, record }, duty);
      if (failure === null) continue;
      call.outcomes.failed(duty, failure.note);
      throw await refuseFor(deps, call, duty.id, failure.cause);
    }
  };
  await each(
    duties.filter(({ id }) => id !== "retain_content"),
    kept.body,
  );
  const body = redacted(kept, duties, call);
  if (!body.ok) throw await refuseFor(deps, call, body.error.id, body.error.cause);
  // Content is kept as it is delivered.
  await each(ofKind(duties, "retain_content"), body.value);
  disclaim(duties, call.reply, call.outcomes);
  await keepDecided(deps, call);
  return body.value;
}

const redacted = ({ operation: { surface }, stored, body }: Kept, duties: readonly Obligation[], call: Call) =>
  surface === null ? ok(body) : replayedUnder(surface, duties, stored, body, call.outcomes);

async function recordOf(deps: Deps, call: Call, { task }: Kept): Promise<TaskRecord | null> {
  const found = await deps.tenants.task(call.tenant.id, call.access, task);
  return found.ok ? found.value : null;
}

/** One duty; redaction and disclaimers are carried out together, when all others have held. */
async function carryOut(
  deps: Deps,
  call: Call,
  kept: Kept & { record: TaskRecord | null },
  duty: Obligation,
): Promise<Failure | null> {
  const applied = (note: string): null => {
    call.outcomes.applied(duty, note);
    return null;
  };
  const answers = kept.stored.status < 400;
  switch (duty.id) {
    case "redact_output":
    case "disclaimer":
      return null;
    case "redact_input":
    case "forbid_tools":
      return applied(NOTHING_SENT);
    case "audit_level": {
      const { id, action } = kept.operation;
      const failed = await auditDuty(deps, { id, action, effect: "read" }, call, duty, { replayed: kept.task });
      return failed && { note: failed.message, cause: failed };
    }
    case "require_local": {
      if (!answers) return applied(NO_ANSWER);
      const provider = kept.record?.route?.provider ?? null;
      const locality = provider === null ? null : call.snapshot.providers[provider]?.locality;
      return locality === "local" ? applied("our own pool answered") : { note: "our own pool did not answer" };
    }
    case "pin_model": {
      if (!answers) return applied(NO_ANSWER);
      const model = kept.record?.route?.model ?? null;
      return model === duty.params.model ? applied(model) : { note: `${model ?? "no known model"} answered` };
    }
    case "cap_output_tokens": {
      if (!answers) return applied(NO_ANSWER);
      const { record } = kept;
      if (record === null) return { note: "the usage is not known any more" };
      if (record.estimated) return applied("the engine told no usage");
      const made = quantityOf(record.usage, "tokens_out");
      const most = duty.params.max * choicesOf(kept.stored, kept.body);
      return made <= most ? applied(`${made} tokens`) : { note: `${made} tokens were made` };
    }
    case "forbid_content":
      return answers ? { note: "the answer is kept" } : applied(NO_ANSWER);
    case "retain_content":
      return answers ? keepContent(deps, call, kept, duty) : applied(NO_ANSWER);
    default:
      return unreachable(duty);
  }
}

/** What is delivered now becomes a conversation, as what a running call delivers does. */
async function keepContent(deps: Deps, call: Call, kept: Kept, duty: Obligation): Promise<Failure | null> {
  if (kept.request === null) return { note: "the request is not kept any more" };
  const made = retained(deps, call, { duty, request: kept.request, outcomes: call.outcomes });
  made.keeper(NO_KEEPER).add(kept.body);
  try {
    await made.save(null);
    return null;
  } catch (cause) {
    return { note: "the content could not be kept", cause };
  }
}
