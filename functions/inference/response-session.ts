import { ConversationId, ResponseId, type UnixMs } from "../../shared/contracts/ids.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { SessionItem } from "../../shared/contracts/ports/session-store.ts";
import { encodeBase62 } from "../../shared/crypto/base62.ts";
import { hmacSha256 } from "../../shared/crypto/hmac-sha256.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { inputItems, openItems, type SessionSeal, sealItems, sealJson } from "./session-items.ts";

/** The 26 characters behind a prefix: the name of the session's object inside the tenant. */
export const sessionOfConversation = (id: string): string => id.slice("conv_".length);
export const sessionOfResponse = (id: string): string => id.split("_")[1] ?? "";

/** State of one Responses call: what came before, and how the answer is kept. */
export interface ResponseSession {
  id: ResponseId;
  /** The body with everything that came before as its input. */
  body: JsonObject;
  /** Members of the answer that only the cell knows. */
  extra: JsonObject;
  /** Stores the answer and its items; null when nothing is kept. */
  save: ((answer: JsonObject) => Promise<void>) | null;
  /** The same where policy demands it; null when the tenant keeps no content. */
  retain: ((answer: JsonObject) => Promise<void>) | null;
}

const mayStore = (call: Pick<Call, "tenant">): boolean => call.tenant.settings.content === "store";

/** `store` is honoured only as the tenant's content setting allows, and answered as it was honoured. */
const stores = (call: Pick<Call, "tenant">, body: JsonObject): boolean => mayStore(call) && body.store !== false;

/**
 * Ids of one call, the same whenever it is begun again: a run that repeats a lost one has to give its answer the same
 * names. Nobody without the tenant's data key can tell them beforehand.
 */
function mintsOf(dataKey: Uint8Array, task: string): () => string {
  let minted = 0;
  return () => encodeBase62(hmacSha256(dataKey, `bailiwick/response-ids/v1/${task}/${minted++}`).subarray(0, 19), 26);
}

/**
 * Reads what a Responses call continues (one durable call) and prepares how its answer is stored (one or two more).
 * A previous response or conversation that is not the tenant's, or not there, is the same 404.
 */
export async function openResponseSession(
  deps: Deps,
  call: Call,
  body: JsonObject,
  dataKey: Uint8Array,
): Promise<ResponseSession> {
  const tenant = call.tenant.id;
  const mint = mintsOf(dataKey, call.task);
  const previous = typeof body.previous_response_id === "string" ? body.previous_response_id : null;
  const conversation = conversationOf(body.conversation);
  // A tenant that keeps no content has no stored response and no conversation: the same 404.
  if ((previous !== null || conversation !== null) && !mayStore(call))
    throw new ProblemError("not-found", { param: previous === null ? "conversation" : "previous_response_id" });
  const before =
    previous !== null
      ? await chainOf(deps, tenant, previous, dataKey)
      : conversation !== null
        ? await itemsOf(deps, tenant, conversation, dataKey)
        : null;
  const session = before?.session ?? mint();
  const id = `resp_${session}_${mint()}` as ResponseId; // safe because: both parts are 26 base62 characters
  const input = inputItems(body.input, mint);
  const store = stores(call, body) || conversation !== null;
  const key: SessionSeal = { tenant, session, dataKey };
  const expires_ms = (deps.clock.now() + LIMITS.sessionMsMax) as UnixMs; // safe because: milliseconds plus milliseconds

  const save = async (answer: JsonObject): Promise<void> => {
    const output = (Array.isArray(answer.output) ? answer.output : []).filter(isJsonObject);
    const named = output.map((item) => ({ ...item, id: typeof item.id === "string" ? item.id : `item_${mint()}` }));
    const response = {
      id,
      parent: previous,
      sealed: await sealJson(key, id, answer),
      input: await sealItems(key, input),
      output: await sealItems(key, named),
    };
    if (before === null) {
      const created = await deps.sessions.create(tenant, session, { expires_ms, meta: null, items: [] });
      if (!created.ok) throw new ProblemError("store-unavailable");
    }
    const put = await deps.sessions.putResponse(tenant, session, response, {
      expires_ms,
      conversation: conversation !== null,
      expected_version: conversation === null ? null : (before?.version ?? null),
    });
    if (put.ok) return;
    switch (put.error.reason) {
      case "version_conflict":
        throw new ProblemError("version-conflict", { detail: "The conversation changed while this answer was made." });
      case "limit":
        throw new ProblemError("limit-reached", { detail: "The session is full." });
      case "not_found":
        throw new ProblemError("not-found", { param: previous === null ? "conversation" : "previous_response_id" });
    }
  };

  return {
    id,
    body: { ...stateless(body), input: [...(before?.items ?? []), ...input] },
    extra: {
      store,
      previous_response_id: previous,
      ...(conversation === null ? {} : { conversation: { id: conversation } }),
    },
    save: store ? save : null,
    retain: mayStore(call) ? save : null,
  };
}

/** State is the cell's: engines and translations never hear of it. */
function stateless(body: JsonObject): JsonObject {
  const { previous_response_id: _previous, conversation: _conversation, store: _store, ...rest } = body;
  return rest;
}

function conversationOf(value: JsonValue | undefined): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : isJsonObject(value) && typeof value.id === "string" ? value.id : null;
}

interface Before {
  session: string;
  version: number;
  items: JsonObject[];
}

async function chainOf(deps: Deps, tenant: Call["tenant"]["id"], id: string, dataKey: Uint8Array): Promise<Before> {
  const missing = () =>
    new ProblemError("not-found", { param: "previous_response_id", detail: "There is no such response." });
  if (!ResponseId.safeParse(id).success) throw missing();
  const session = sessionOfResponse(id);
  const found = await deps.sessions.response(tenant, session, id);
  if (!found.ok) throw missing();
  return { session, version: 0, items: await openItems({ tenant, session, dataKey }, found.value.chain) };
}

async function itemsOf(deps: Deps, tenant: Call["tenant"]["id"], id: string, dataKey: Uint8Array): Promise<Before> {
  const missing = () =>
    new ProblemError("not-found", { param: "conversation", detail: "There is no such conversation." });
  if (!ConversationId.safeParse(id).success) throw missing();
  const session = sessionOfConversation(id);
  const items: SessionItem[] = [];
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<Deps["sessions"]["items"]>> = await deps.sessions.items(tenant, session, {
      after,
      limit: LIMITS.messagesMax,
      order: "asc",
    });
    if (!page.ok) throw missing();
    items.push(...page.value.items);
    after = page.value.items.at(-1)?.id ?? null;
    if (!page.value.more)
      return { session, version: page.value.version, items: await openItems({ tenant, session, dataKey }, items) };
  }
}
