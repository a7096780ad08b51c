import {
  ConversationDeleted,
  ConversationObject,
  CreateConversation,
  UpdateConversation,
} from "../../../shared/contracts/http/conversations.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { inputItems, sealItems, sealJson } from "../../inference/session-items.ts";
import { JSON_INPUT, NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import {
  ConversationPath,
  conversationObject,
  openConversation,
  requireContent,
  versionHeader,
} from "./conversation.ts";

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
    requireContent(call);
    const id = deps.ids.mint("conv");
    const { key, session } = await openConversation(deps, call, id);
    const items = inputItems((call.body.items ?? []) as JsonValue, () => deps.ids.base62(26)); // safe because: the body came from JSON.parse
    const info = unwrap(
      await deps.sessions.create(call.tenant.id, session, {
        expires_ms: (deps.clock.now() + LIMITS.sessionMsMax) as UnixMs, // safe because: milliseconds plus milliseconds
        meta: call.body.metadata ? await sealJson(key, "meta", call.body.metadata) : null,
        items: await sealItems(key, items),
      }),
    );
    return value(await conversationObject(id, info, key));
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
    const { id, key, session } = await openConversation(deps, call, call.params.conversation_id);
    return value(await conversationObject(id, unwrap(await deps.sessions.info(call.tenant.id, session)), key));
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
    const { id, key, session } = await openConversation(deps, call, call.params.conversation_id);
    const version = versionHeader(call) ?? unwrap(await deps.sessions.info(call.tenant.id, session)).version;
    const info = unwrap(
      await deps.sessions.setMeta(call.tenant.id, session, version, await sealJson(key, "meta", call.body.metadata)),
      {
        version_conflict: "The conversation changed meanwhile.",
      },
    );
    return value(await conversationObject(id, info, key));
  },
});

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
  problems: ["not-found"],
  summary: "Delete a conversation",
  async execute(deps, call) {
    const { id, session } = await openConversation(deps, call, call.params.conversation_id);
    unwrap(await deps.sessions.destroy(call.tenant.id, session));
    return value({ id, object: "conversation.deleted", deleted: true });
  },
});
