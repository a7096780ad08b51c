import { z } from "zod";
import { ConversationItemList, ConversationItemsQuery } from "../../../shared/contracts/http/conversations.ts";
import { ResponseDeleted, ResponseObject, ResponseQuery } from "../../../shared/contracts/http/responses.ts";
import { ResponseId } from "../../../shared/contracts/ids.ts";
import type { Call, Deps } from "../../context.ts";
import { STORED_READ_OBLIGATIONS } from "../../inference/obligations/carried-out.ts";
import { deliverStored } from "../../inference/obligations/deliver-stored.ts";
import { sessionOfResponse } from "../../inference/response-session.ts";
import { openItems, openJson } from "../../inference/session-items.ts";
import { ProblemError } from "../../problem.ts";
import { itemList } from "../conversations/items.ts";
import { recordErased } from "../erasures/record-erased.ts";
import { NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { forgetBackground } from "./background.ts";
import { notStreamed, readBackground } from "./read-background.ts";

/** Any text: an id that cannot exist and another tenant's get the same 404. */
const ResponsePath = z.strictObject({ response_id: z.string().max(128) });

const common = {
  gate: "governed",
  credential: "fresh",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
  params: ResponsePath,
  tag: "Responses",
  resource: { kind: "response", param: "response_id" },
} as const;

/** Throws `not-found` for what this tenant has not. */
export async function findStored(deps: Deps, call: Pick<Call, "tenant">, id: string) {
  if (!ResponseId.safeParse(id).success) throw new ProblemError("not-found", { param: "response_id" });
  const session = sessionOfResponse(id);
  const found = unwrap(await deps.sessions.response(call.tenant.id, session, id));
  const key = await deps.contentKeys.open(deps, call, session, found.key);
  if (key === null) throw new ProblemError("not-found", { param: "response_id" });
  return { ...found, key };
}

export const getResponse = operation({
  ...common,
  id: "responses.get",
  method: "get",
  path: "/v1/responses/{response_id}",
  action: "session:read",
  effect: "read",
  query: ResponseQuery,
  kind: "stream",
  success: [200, ResponseObject, "The response; with `stream=true` the events of one that is made in the background."],
  problems: ["not-found", "overloaded", "obligation-failed"],
  summary: "Get a response that is stored, or made in the background",
  enforces: STORED_READ_OBLIGATIONS,
  async execute(deps, call) {
    const background = await readBackground(deps, call, call.params.response_id, call.query);
    if (background !== null) return background;
    const { response, key } = await findStored(deps, call, call.params.response_id);
    // One that is not there is a 404, whatever else was asked for.
    const { stream, starting_after } = call.query;
    if (stream === "true" || starting_after !== undefined) throw notStreamed("There is no stream of this response.");
    return value(await deliverStored(deps, call, await openJson(key, response.id, response.sealed)));
  },
});

export const listResponseInput = operation({
  ...common,
  id: "responses.input-items",
  method: "get",
  path: "/v1/responses/{response_id}/input_items",
  action: "session:read",
  effect: "read",
  query: ConversationItemsQuery,
  success: [200, ConversationItemList, "The items that the response was given."],
  problems: ["not-found", "obligation-failed"],
  summary: "List the input items of a stored response",
  enforces: STORED_READ_OBLIGATIONS,
  async execute(deps, call) {
    const { response, key } = await findStored(deps, call, call.params.response_id);
    const { after, limit, order } = call.query;
    const items = order === "asc" ? response.input : response.input.toReversed();
    const start = after === undefined ? 0 : items.findIndex((item) => item.id === after) + 1;
    const page = items.slice(start, start + limit);
    const list = itemList(await openItems(key, page), start + page.length < items.length);
    return value(await deliverStored(deps, call, list));
  },
});

/**
 * Overwritten, and with the last thing that is kept of its session the session's key is destroyed. The ledger says so
 * before this answers.
 */
export const deleteResponse = operation({
  ...common,
  id: "responses.delete",
  method: "delete",
  path: "/v1/responses/{response_id}",
  action: "session:write",
  effect: "irreversible-write",
  success: [200, ResponseDeleted, "The stored response is gone."],
  problems: ["not-found", "tenant-locked", "tenant-suspended"],
  summary: "Delete a stored response",
  async execute(deps, call) {
    if ((await forgetBackground(deps, call, call.params.response_id)) === "unstored")
      return value({ id: call.params.response_id, object: "response", deleted: true });
    const id = call.params.response_id;
    if (!ResponseId.safeParse(id).success) throw new ProblemError("not-found", { param: "response_id" });
    const session = sessionOfResponse(id);
    const erased = unwrap(await deps.sessions.deleteResponse(call.tenant.id, session, id));
    await recordErased(deps, call, { scope: "response", id, session }, erased);
    return value({ id, object: "response", deleted: true });
  },
});
