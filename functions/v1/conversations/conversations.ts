import {
  ConversationDeleted,
  ConversationObject,
  CreateConversation,
  UpdateConversation,
} from "../../../shared/contracts/http/conversations.ts";
import type { JsonValue } from "../../../shared/contracts/json.ts";
import { keptUntil } from "../../inference/retention.ts";
import { inputItems, sealItems, sealJson } from "../../inference/session-items.ts";
import { recordErased } from "../erasures/record-erased.ts";
import { JSON_INPUT, NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { ConversationPath, conversationObject, sealOf, sessionOf, versionHeader } from "./conversation.ts";

const common = { gate: "governed", credential: "fresh", ack: "commit", kind: "unary", tag: "Conversations" } as const;
const one = {
  path: "/v1/conversations/{conversation_id}",
  params: ConversationPath,
  resource: { kind: "conversation", param: "conversation_id" },
} as const;

export const createConversation = operation({
  ...common,
  ...JSON_INPUT,
  id: "conversations.create",
  method: "post",
  path: "/v1/conversations",
  action: "session:write",
  effect: "reversible-write",
  retry: "never",
  body: CreateConversation,
  success: [200, ConversationObject, "The conversation."],
  problems: ["limit-reached"],
  summary: "Create a conversation",
  resource: { kind: "conversation" },
  async execute(deps, call) {
    const id = deps.ids.mint("conv");
    const session = sessionOf(call, id);
    const items = inputItems((call.body.items ?? []) as JsonValue, () => deps.ids.base62(26)); // safe because: the body came from JSON.parse
    const expires_ms = keptUntil(deps, call, "conversations");
    const { seal, key } = await deps.contentKeys.begin(deps, call, { session, expires_ms }, null);
    const info = unwrap(
      await deps.sessions.create(call.tenant.id, session, {
        expires_ms,
        meta: call.body.metadata ? await sealJson(seal, "meta", call.body.metadata) : null,
        items: await sealItems(seal, items),
        key,
        conversation: true,
      }),
    );
    return value(await conversationObject(id, info, seal));
  },
});

export const getConversation = operation({
  ...common,
  ...NO_INPUT,
  ...one,
  id: "conversations.get",
  method: "get",
  action: "session:read",
  effect: "read",
  retry: "safe",
  success: [200, ConversationObject, "The conversation."],
  problems: ["not-found"],
  summary: "Get a conversation",
  async execute(deps, call) {
    const id = call.params.conversation_id;
    const session = sessionOf(call, id);
    const info = unwrap(await deps.sessions.info(call.tenant.id, session));
    return value(await conversationObject(id, info, await sealOf(deps, call, session, info)));
  },
});

export const updateConversation = operation({
  ...common,
  ...JSON_INPUT,
  ...one,
  id: "conversations.update",
  method: "post",
  action: "session:write",
  effect: "reversible-write",
  retry: "safe",
  body: UpdateConversation,
  success: [200, ConversationObject, "The conversation with its new metadata."],
  problems: ["not-found", "version-conflict"],
  summary: "Set the metadata of a conversation",
  async execute(deps, call) {
    const id = call.params.conversation_id;
    const session = sessionOf(call, id);
    const found = unwrap(await deps.sessions.info(call.tenant.id, session));
    const seal = await sealOf(deps, call, session, found);
    const meta = await sealJson(seal, "meta", call.body.metadata);
    const version = versionHeader(call) ?? found.version;
    const info = unwrap(await deps.sessions.setMeta(call.tenant.id, session, version, meta), {
      version_conflict: "The conversation changed meanwhile.",
    });
    return value(await conversationObject(id, info, seal));
  },
});

/** Erased, not only deleted: its key is destroyed, which the ledger says before this answers. */
export const deleteConversation = operation({
  ...common,
  ...NO_INPUT,
  ...one,
  id: "conversations.delete",
  method: "delete",
  action: "session:write",
  effect: "irreversible-write",
  retry: "safe",
  success: [200, ConversationDeleted, "The conversation and all its items are gone."],
  problems: ["not-found", "tenant-locked", "tenant-suspended"],
  summary: "Delete a conversation",
  async execute(deps, call) {
    const id = call.params.conversation_id;
    const session = sessionOf(call, id);
    const erased = unwrap(await deps.sessions.erase(call.tenant.id, session));
    await recordErased(deps, call, { scope: "conversation", id, session }, erased);
    return value({ id, object: "conversation.deleted", deleted: true });
  },
});
