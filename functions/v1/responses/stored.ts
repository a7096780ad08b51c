import { z } from "zod";
import { ConversationItemList, ConversationItemsQuery } from "../../../shared/contracts/http/conversations.ts";
import { ResponseDeleted, ResponseObject } from "../../../shared/contracts/http/responses.ts";
import { ResponseId } from "../../../shared/contracts/ids.ts";
import type { Call, Deps } from "../../context.ts";
import { STORED_READ_OBLIGATIONS } from "../../inference/obligations/carried-out.ts";
import { deliverStored } from "../../inference/obligations/deliver-stored.ts";
import { sessionOfResponse } from "../../inference/response-session.ts";
import { openItems, openJson } from "../../inference/session-items.ts";
import { ProblemError } from "../../problem.ts";
import { itemList } from "../conversations/items.ts";
import { NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";

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

async function find(deps: Deps, call: Pick<Call, "tenant">, id: string) {
  if (!ResponseId.safeParse(id).success) throw new ProblemError("not-found", { param: "response_id" });
  const session = sessionOfResponse(id);
  const dataKey = await deps.keyring.openDataKey(call.tenant.id, call.tenant.data_key);
  const found = unwrap(await deps.sessions.response(call.tenant.id, session, id));
  return { ...found, key: { tenant: call.tenant.id, session, dataKey } };
}

export const getResponse = operation({
  ...common,
  id: "responses.get",
  method: "get",
  path: "/v1/responses/{response_id}",
  action: "session:read",
  effect: "read",
  query: z.looseObject({}),
  success: [200, ResponseObject, "The stored response."],
  problems: ["not-found", "obligation-failed"],
  summary: "Get a stored response",
  enforces: STORED_READ_OBLIGATIONS,
  async execute(deps, call) {
    const { response, key } = await find(deps, call, call.params.response_id);
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
    const { response, key } = await find(deps, call, call.params.response_id);
    const { after, limit, order } = call.query;
    const items = order === "asc" ? response.input : response.input.toReversed();
    const start = after === undefined ? 0 : items.findIndex((item) => item.id === after) + 1;
    const page = items.slice(start, start + limit);
    const list = itemList(await openItems(key, page), start + page.length < items.length);
    return value(await deliverStored(deps, call, list));
  },
});

export const deleteResponse = operation({
  ...common,
  id: "responses.delete",
  method: "delete",
  path: "/v1/responses/{response_id}",
  action: "session:write",
  effect: "irreversible-write",
  success: [200, ResponseDeleted, "The stored response is gone."],
  problems: ["not-found"],
  summary: "Delete a stored response",
  async execute(deps, call) {
    const { response, key } = await find(deps, call, call.params.response_id);
    unwrap(await deps.sessions.deleteResponse(call.tenant.id, key.session, response.id));
    return value({ id: response.id, object: "response", deleted: true });
  },
});
