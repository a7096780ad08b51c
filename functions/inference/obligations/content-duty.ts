import type { Obligation } from "../../../shared/contracts/decision.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Call, Deps } from "../../context.ts";
import type { Delivery } from "../deliver.ts";
import type { ResponseSession } from "../response-session.ts";
import { NO_KEEPER, type ResultKeeper } from "../result-keeper.ts";
import { contentDuty } from "./duties.ts";
import type { Outcomes } from "./outcomes.ts";
import { retained } from "./retained.ts";

interface Asked {
  duties: readonly Obligation[];
  outcomes: Outcomes;
  session: ResponseSession | null;
  request: JsonObject;
  keeper: ResultKeeper;
}
/** Where an answer goes besides its caller, and what the answer says about that. */
type Kept = Pick<Delivery, "keeper" | "onAnswer"> & { extra: JsonObject };

/**
 * How the content of a call is kept under its obligations. Forbidden: nothing but commitments, not even for the call's
 * key, whose repeat is told that there is no result. Demanded: stored whatever the request says about `store`.
 */
export function keptUnder(deps: Deps, call: Call, asked: Asked): Kept {
  const { duties, outcomes, session, keeper } = asked;
  const wanted = contentDuty(duties);
  const duty = duties.find(({ id }) => id === `${wanted}_content`);
  const extra = session?.extra ?? {};
  if (duty === undefined) return { keeper, onAnswer: session?.save ? whole(session.save) : null, extra };
  if (wanted === "forbid") {
    outcomes.applied(duty, "commitments only");
    return { keeper: NO_KEEPER, onAnswer: null, extra: session === null ? extra : { ...extra, store: false } };
  }
  const { retain } = session ?? { retain: null };
  if (session === null || retain === null) {
    const made = retained(deps, call, { ...asked, duty });
    return { keeper: made.keeper(keeper), onAnswer: made.save, extra };
  }
  const save = async (answer: JsonObject): Promise<void> => {
    await retain(answer).catch((cause: unknown) => {
      throw outcomes.failed(duty, "the content could not be kept", cause);
    });
    outcomes.applied(duty, `kept as ${session.id}`);
  };
  return { keeper, onAnswer: whole(save), extra: { ...extra, store: true } };
}

const whole = (save: (answer: JsonObject) => Promise<void>) => (answer: JsonObject | null) =>
  answer === null ? Promise.reject(new Error("an answer without its object")) : save(answer);
