import { z } from "zod";
import {
  ConversationItem,
  ConversationItemList,
  ConversationItemsQuery,
  ConversationObject,
  CreateConversationItems,
} from "../../../shared/contracts/http/conversations.ts";
import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { STORED_READ_OBLIGATIONS } from "../../inference/obligations/carried-out.ts";
import { deliverStored } from "../../inference/obligations/deliver-stored.ts";
import { inputItems, openItems, sealItems } from "../../inference/session-items.ts";
import { ProblemError } from "../../problem.ts";
import { JSON_INPUT, NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { ConversationPath, conversationObject, sealOf, sessionOf, versionHeader } from "./conversation.ts";

export const itemList = (items: readonly JsonObject[], more: boolean): JsonObject => ({
  object: "list",
  data: [...items],
  first_id: items[0]?.id ?? null,
  last_id: items.at(-1)?.id ?? null,
  has_more: more,
});

const ItemPath = z.strictObject({ conversation_id: z.string().max(128), item_id: z.string().max(128) });
const common = {
  gate: "governed",
  credential: "fresh",
  ack: "commit",
  kind: "unary",
  tag: "Conversations",
  resource: { kind: "conversation", param: "conversation_id" },
} as const;

export const listItems = operation({
  ...common,
  ...NO_INPUT,
  id: "conversations.items.list",
  method: "get",
  path: "/v1/conversations/{conversation_id}/items",
  action: "session:read",
  effect: "read",
  retry: "safe",
  params: ConversationPath,
  query: ConversationItemsQuery,
  success: [200, ConversationItemList, "Items of the conversation."],
  problems: ["not-found", "obligation-failed"],
  summary: "List the items of a conversation",
  enforces: STORED_READ_OBLIGATIONS,
  async execute(deps, call) {
    const session = sessionOf(call, call.params.conversation_id);
    const { after, limit, order } = call.query;
    const page = unwrap(await deps.sessions.items(call.tenant.id, session, { after: after ?? null, limit, order }));
    const seal = await sealOf(deps, call, session, page);
    return value(await deliverStored(deps, call, itemList(await openItems(seal, page.items), page.more)));
  },
});

export const createItems = operation({
  ...common,
  ...JSON_INPUT,
  id: "conversations.items.create",
  method: "post",
  path: "/v1/conversations/{conversation_id}/items",
  action: "session:write",
  effect: "reversible-write",
  retry: "never",
  params: ConversationPath,
  query: z.looseObject({}),
  body: CreateConversationItems,
  success: [200, ConversationItemList, "The items that were added."],
  problems: ["not-found", "version-conflict", "limit-reached"],
  summary: "Add items to a conversation",
  async execute(deps, call) {
    const session = sessionOf(call, call.params.conversation_id);
    const seal = await sealOf(deps, call, session, unwrap(await deps.sessions.info(call.tenant.id, session)));
    const items = inputItems(call.body.items as JsonValue, () => deps.ids.base62(26)); // safe because: the body came from JSON.parse
    unwrap(await deps.sessions.append(call.tenant.id, session, versionHeader(call), await sealItems(seal, items)), {
      version_conflict: "The conversation changed meanwhile.",
      limit: "The conversation is full.",
    });
    return value(itemList(items, false));
  },
});

export const getItem = operation({
  ...common,
  ...NO_INPUT,
  id: "conversations.items.get",
  method: "get",
  path: "/v1/conversations/{conversation_id}/items/{item_id}",
  action: "session:read",
  effect: "read",
  retry: "safe",
  params: ItemPath,
  query: z.looseObject({}),
  success: [200, ConversationItem, "The item."],
  problems: ["not-found", "obligation-failed"],
  summary: "Get an item of a conversation",
  enforces: STORED_READ_OBLIGATIONS,
  async execute(deps, call) {
    const session = sessionOf(call, call.params.conversation_id);
    const found = unwrap(await deps.sessions.item(call.tenant.id, session, call.params.item_id));
    const [item] = await openItems(await sealOf(deps, call, session, found), [found.item]);
    if (!item) throw new ProblemError("not-found");
    return value(await deliverStored(deps, call, item));
  },
});

export const deleteItem = operation({
  ...common,
  ...NO_INPUT,
  id: "conversations.items.delete",
  method: "delete",
  path: "/v1/conversations/{conversation_id}/items/{item_id}",
  action: "session:write",
  effect: "irreversible-write",
  retry: "safe",
  params: ItemPath,
  success: [200, ConversationObject, "The conversation without the item."],
  problems: ["not-found"],
  summary: "Delete an item of a conversation",
  async execute(deps, call) {
    const id = call.params.conversation_id;
    const session = sessionOf(call, id);
    const info = unwrap(await deps.sessions.deleteItem(call.tenant.id, session, call.params.item_id));
    return value(await conversationObject(id, info, await sealOf(deps, call, session, info)));
  },
});
