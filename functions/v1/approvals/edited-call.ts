import type { z } from "zod";
import { isJsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { ProblemError } from "../../problem.ts";
import { parseInput } from "../input.ts";
import type { Operation } from "../operation.ts";
import type { Proposal, WaitingCall } from "./proposal.ts";

/** What readers see in place of a secret. */
const WITHHELD = "[withheld]";

/** Members of a body that are given and never answered: `writeOnly` in its schema. */
function secretsOf(schema: z.ZodType | undefined): string[] {
  // safe because: object schemas have a shape, and others have no members
  const shape = (schema as { shape?: Record<string, z.ZodType> } | undefined)?.shape ?? {};
  return Object.entries(shape).flatMap(([name, member]) => (member.meta()?.writeOnly === true ? [name] : []));
}

/** A proposal's body for its readers. Without its operation nothing is known to be no secret. */
export function shownBody(operation: Pick<Operation, "body"> | null, { body }: Pick<Proposal, "body">): JsonValue {
  if (operation === null) return null;
  if (!isJsonObject(body)) return body;
  const shown = { ...body };
  for (const name of secretsOf(operation.body)) if (Object.hasOwn(shown, name)) shown[name] = WITHHELD;
  return shown;
}

/**
 * The waiting call with another body, which must be one of its operation; a secret that comes back withheld stays what it
 * was. Who asks, and for what operation, under which headers, cannot be changed. Throws `invalid-request`.
 */
export function editedCall(
  operation: Pick<Operation, "body"> | null,
  waiting: WaitingCall,
  body: JsonValue,
): WaitingCall {
  if (!operation?.body)
    throw new ProblemError("invalid-request", { param: "body", detail: "This request has no body." });
  const { proposal } = waiting;
  let whole = body;
  if (isJsonObject(body) && isJsonObject(proposal.body)) {
    whole = { ...body };
    for (const name of secretsOf(operation.body)) {
      const before = proposal.body[name];
      if (whole[name] === WITHHELD && before !== undefined) whole[name] = before;
    }
  }
  parseInput(operation.body, whole, "body");
  return { ...waiting, proposal: { ...proposal, body: whole } };
}
