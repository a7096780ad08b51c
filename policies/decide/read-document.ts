import { LIMITS } from "../../shared/contracts/limits.ts";
import { DecisionDocument } from "../../shared/contracts/policy/document.ts";
import {
  OBLIGATIONS,
  type Obligation,
  type ObligationDocument,
  type ObligationId,
} from "../../shared/contracts/policy/obligations.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { toJson } from "../engine/json.ts";
import { LimitExceeded, metered } from "../engine/meter.ts";
import { OObject, type Value } from "../engine/value.ts";
import { DENIALS, type Denial, type LayerAnswer } from "./answer.ts";

/** Why a value is no decision; `detail` is for its author, never for the caller. */
export interface DocumentRefusal {
  code: Denial;
  detail: string;
}

/**
 * The decision that a value states. Refuses whatever the document's schema does not name, obligations that nobody
 * implements, and a demand under a verb that would not enforce it (`acr` without REQUIRE_STEP_UP, `approval` without
 * REQUIRE_HITL or REQUIRE_STEP_UP, `throttle` without THROTTLE): a misspelt demand is a denial, never an allowance.
 */
export function readDocument(value: Value): Result<LayerAnswer, DocumentRefusal> {
  if (!(value instanceof OObject)) return refused("not an object");
  const json = plain(value);
  if (json === undefined) return refused("too large");
  const parsed = DecisionDocument.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refused(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`);
  }
  const { obligations: stated, route: routing, ...document } = parsed.data;
  const misplaced = misplacedDemand(parsed.data);
  if (misplaced !== undefined) return refused(`${misplaced} does not belong to ${document.decision}`);
  const obligations = readObligations(stated);
  if (!obligations.ok) return obligations;
  const answer: LayerAnswer = { ...document, obligations: obligations.value };
  if (routing === undefined) return ok(answer);
  const route = readRoute(routing);
  if (!route.ok) return route;
  answer.route = route.value;
  return ok(answer);
}

const refused = (detail: string) => err({ code: DENIALS.document, detail });

/** A policy may answer with all of its data; the walk over it is bounded. */
function plain(value: Value): unknown {
  try {
    return metered({ steps: LIMITS.policyDocumentNodesMax, textCharsMax: LIMITS.policyTextCharsMax }, () =>
      toJson(value),
    );
  } catch (error) {
    if (error instanceof LimitExceeded) return undefined;
    throw error;
  }
}

function misplacedDemand({ decision, acr, approval, throttle }: DecisionDocument): string | undefined {
  if (acr !== undefined && decision !== "REQUIRE_STEP_UP") return "acr";
  if (approval !== undefined && decision !== "REQUIRE_HITL" && decision !== "REQUIRE_STEP_UP") return "approval";
  if (throttle !== undefined && decision !== "THROTTLE") return "throttle";
  return undefined;
}

function readRoute(routing: NonNullable<DecisionDocument["route"]>): Result<LayerAnswer["route"], DocumentRefusal> {
  const { allow, deny } = routing;
  if (routing.obligations === undefined) return ok({ allow, deny });
  const perCandidate: { match: (typeof routing.obligations)[number]["match"]; obligations: Obligation[] }[] = [];
  for (const { match, obligations } of routing.obligations) {
    const read = readObligations(obligations);
    if (!read.ok) return read;
    perCandidate.push({ match, obligations: read.value });
  }
  return ok({ allow, deny, obligations: perCandidate });
}

const isKnown = (id: string): id is ObligationId => Object.hasOwn(OBLIGATIONS, id);

function readObligations(stated: readonly ObligationDocument[]): Result<Obligation[], DocumentRefusal> {
  const obligations: Obligation[] = [];
  for (const { id, params } of stated) {
    if (!isKnown(id)) return err({ code: DENIALS.obligationUnknown, detail: id });
    const read = OBLIGATIONS[id].safeParse(params ?? {});
    if (!read.success) return err({ code: DENIALS.obligationInvalid, detail: id });
    // safe because: the parameters were parsed by the schema of this very id
    obligations.push({ id, params: read.data } as Obligation);
  }
  return ok(obligations);
}
