import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect, ModelEvent } from "../../shared/contracts/ports/engine.ts";
import type { UsageRow } from "../../shared/contracts/usage.ts";
import type { Call } from "../context.ts";
import type { AnswerContext, Translation } from "../dialects/translation.ts";
import type { ProblemShape } from "../problem.ts";
import type { OutputDuty } from "./obligations/output-duty.ts";
import type { OutputBound } from "./output-bound.ts";
import type { ResultKeeper } from "./result-keeper.ts";
import type { Settlement } from "./settlement.ts";
import type { Stopper } from "./stopper.ts";

/** An engine's accepted answer on its way to the caller. */
export interface Delivery {
  call: Call;
  surface: Dialect;
  /** Form of errors on this surface. */
  shape: ProblemShape;
  dialect: Dialect;
  /** Null where dialect and surface agree: bytes then travel untouched. */
  translation: Translation | null;
  context: AnswerContext;
  /** The caller asked for the usage frame of a chat or completion stream. */
  includeUsage: boolean;
  /** True when the output cap is the task's budget, not the caller's own: reaching it is an error, not a length. */
  cappedByBudget: boolean;
  /** Of the commitment to what is delivered. */
  salt: Uint8Array;
  settlement: Settlement;
  /** Usage that is known without the engine's word; empty where only it can tell. */
  units: readonly UsageRow[];
  /** What is charged when the engine tells no usage. */
  bound: OutputBound;
  /** What policy demands of the answer before anybody sees it. */
  output: OutputDuty;
  /** Choices that the caller asked for. */
  choices: number;
  /** Keeps the delivered bytes for an idempotency key. */
  keeper: ResultKeeper;
  /** Stores the answer before settlement; it gets the whole object as it is delivered, null after a stream without one. */
  onAnswer: ((answer: JsonObject | null) => Promise<void>) | null;
  stopper: Stopper;
}

export interface StreamDelivery extends Delivery {
  events: AsyncIterator<ModelEvent>;
  first: Uint8Array;
}
