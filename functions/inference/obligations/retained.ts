import type { Obligation } from "../../../shared/contracts/decision.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Call, Deps } from "../../context.ts";
import { concat, type ResultKeeper } from "../result-keeper.ts";
import { keptUntil } from "../retention.ts";
import { sealItems } from "../session-items.ts";
import type { Outcomes } from "./outcomes.ts";

/** Keeps a call's content on a surface that stores nothing by itself, as policy demands. */
export interface Retained {
  /** Sees what is delivered on its way to the key's own keeper. */
  keeper(inner: ResultKeeper): ResultKeeper;
  /** Durable before it resolves; `answer` is the whole answer, null after a stream. Throws the denial. */
  save(answer: JsonObject | null): Promise<void>;
}

/**
 * A conversation of two messages, the request and what was delivered, sealed and expiring as every conversation. A tenant
 * that keeps no content has none: the obligation reaches only as far as its setting.
 */
export function retained(
  deps: Pick<Deps, "sessions" | "ids" | "clock" | "contentKeys" | "tenants" | "keyring">,
  call: Pick<Call, "tenant" | "actor" | "task" | "snapshot">,
  { duty, request, outcomes }: { duty: Obligation; request: JsonObject; outcomes: Outcomes },
): Retained {
  if (call.tenant.settings.content !== "store") {
    outcomes.applied(duty, "the tenant keeps no content");
    return { keeper: (inner) => inner, save: async () => {} };
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  const message = (role: "user" | "assistant", text: string): JsonObject => ({
    id: `msg_${deps.ids.base62(26)}`,
    type: "message",
    role,
    status: "completed",
    content: [{ type: role === "user" ? "input_text" : "output_text", text }],
  });
  return {
    keeper: (inner) => ({
      ...inner,
      add(bytes) {
        size += bytes.byteLength;
        if (size <= LIMITS.sessionItemBytesMax) parts.push(bytes);
        inner.add(bytes);
      },
    }),
    async save(answer) {
      const tenant = call.tenant.id;
      const session = deps.ids.base62(26);
      try {
        if (answer === null && size > LIMITS.sessionItemBytesMax) throw new Error("the answer is too long to be kept");
        const delivered = answer === null ? new TextDecoder().decode(concat(parts, size)) : JSON.stringify(answer);
        const items = [message("user", JSON.stringify(request)), message("assistant", delivered)];
        const expires_ms = keptUntil(deps, call, "conversations");
        const { seal, key } = await deps.contentKeys.begin(deps, call, { session, expires_ms }, null);
        const created = await deps.sessions.create(tenant, session, {
          expires_ms,
          meta: null,
          items: await sealItems(seal, items),
          key,
          conversation: true,
        });
        if (!created.ok) throw new Error(`content was not kept: ${created.error.reason}`);
      } catch (cause) {
        throw outcomes.failed(duty, "the content could not be kept", cause);
      }
      outcomes.applied(duty, `kept as conv_${session}`);
    },
  };
}
