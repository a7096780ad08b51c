import { ConversationId, ResponseId } from "../../shared/contracts/ids.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { KeptSession, SubjectKey, SubjectKeyWanted } from "../../shared/contracts/ports/content-store.ts";
import type { SessionItem } from "../../shared/contracts/ports/session-store.ts";
import { encodeBase62 } from "../../shared/crypto/base62.ts";
import { hmacSha256 } from "../../shared/crypto/hmac-sha256.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { keptUntil } from "./retention.ts";
import { inputItems, openItems, type SessionSeal, sealItems, sealJson } from "./session-items.ts";

/** The 26 characters behind a prefix: the name of the session's object inside the tenant. */
export const sessionOfConversation = (id: string): string => id.slice("conv_".length);
export const sessionOfResponse = (id: string): string => id.split("_")[1] ?? "";

/** The session of the conversation, or of the response, that a Responses request goes on with; or null. */
export function sessionNamed(body: JsonObject): string | null {
  const previous = ResponseId.safeParse(body.previous_response_id);
  if (previous.success) return sessionOfResponse(previous.data);
  const named = ConversationId.safeParse(conversationOf(body.conversation));
  return named.success ? sessionOfConversation(named.data) : null;
}

/** State of one Responses call: what came before, and how the answer is kept. */
export interface ResponseSession {
  id: ResponseId;
  /** The body with everything that came before as its input. */
  body: JsonObject;
  /** Members of the answer that only the cell knows. */
  extra: JsonObject;
  /** What admission is to be asked for, where the call begins a conversation that is kept. */
  wanted: SubjectKeyWanted | null;
  /** Where the call goes on with a session and may keep more in it. */
  kept: KeptSession | null;
  /** What it answered. */
  grant(key: SubjectKey | undefined): void;
  /** Stores the answer and its items; null when nothing is kept. */
  save: ((answer: JsonObject) => Promise<void>) | null;
  /** The same where policy demands it; null when the tenant keeps no content. */
  retain: ((answer: JsonObject) => Promise<void>) | null;
}

const mayStore = (call: Pick<Call, "tenant">): boolean => call.tenant.settings.content === "store";

/** `store` is honoured only as the tenant's content setting allows, and answered as it was honoured. */
export const stores = (call: Pick<Call, "tenant">, body: JsonObject): boolean => mayStore(call) && body.store !== false;

/**
 * Ids of one call, the same whenever it is begun again: a run that repeats a lost one has to give its answer the same
 * names. Nobody without the tenant's data key can tell them beforehand.
 */
function mintsOf(dataKey: Uint8Array, task: string): () => string {
  let minted = 0;
  return () => encodeBase62(hmacSha256(dataKey, `bailiwick/response-ids/v1/${task}/${minted++}`).subarray(0, 19), 26);
}

/** A response is found by its task, too: that is the second part of its id. */
const idOf = (session: string, task: string): ResponseId =>
  `resp_${session}_${task.slice("task_".length)}` as ResponseId; // safe because: both parts are 26 base62 characters

/** The id of the answer to a Responses request, from its task. */
export function responseIdOf(dataKey: Uint8Array, task: string, body: JsonObject): ResponseId {
  const conversation = conversationOf(body.conversation);
  const continued =
    typeof body.previous_response_id === "string"
      ? sessionOfResponse(body.previous_response_id)
      : conversation && sessionOfConversation(conversation);
  return idOf(continued ?? mintsOf(dataKey, task)(), task);
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
      ? await chainOf(deps, call, previous)
      : conversation !== null
        ? await itemsOf(deps, call, conversation)
        : null;
  const session = before?.session ?? mint();
  const id = idOf(session, call.task);
  const input = inputItems(body.input, mint);
  const store = stores(call, body) || conversation !== null;
  const expires_ms = keptUntil(deps, call, conversation === null ? "responses" : "conversations");
  let granted: SubjectKey | null = null;

  /** Creates the session where the call begins one; a run that is begun again finds its own. */
  const begun = async (): Promise<SessionSeal> => {
    const { seal, key } = await deps.contentKeys.begin(deps, call, { session, expires_ms }, granted);
    const spec = { expires_ms, meta: null, items: [], key, conversation: false };
    const created = await deps.sessions.create(tenant, session, spec);
    if (created.ok) return seal;
    const found = await deps.sessions.info(tenant, session);
    const again = found.ok ? await deps.contentKeys.open(deps, call, session, found.value.key) : null;
    if (again === null) throw new ProblemError("store-unavailable");
    return again;
  };

  const save = async (answer: JsonObject): Promise<void> => {
    const key = before?.seal ?? (await begun());
    const output = (Array.isArray(answer.output) ? answer.output : []).filter(isJsonObject);
    const named = output.map((item) => ({ ...item, id: typeof item.id === "string" ? item.id : `item_${mint()}` }));
    const response = {
      id,
      parent: previous,
      sealed: await sealJson(key, id, answer),
      input: await sealItems(key, input),
      output: await sealItems(key, named),
    };
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
      ...(body.background === true ? { background: true } : {}),
      ...(conversation === null ? {} : { conversation: { id: conversation } }),
    },
    wanted: store && before === null ? await deps.contentKeys.wanted(deps, call, { session, expires_ms }) : null,
    kept: before === null ? null : { session, expires_ms },
    grant(key) {
      granted = key ?? null;
    },
    save: store ? save : null,
    retain: mayStore(call) ? save : null,
  };
}

/** State is the cell's: engines and translations never hear of it. */
function stateless(body: JsonObject): JsonObject {
  const { previous_response_id: _previous, conversation: _conversation, store: _store, ...asked } = body;
  const { background: _background, ...rest } = asked;
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
  seal: SessionSeal;
}

async function chainOf(deps: Deps, call: Call, id: string): Promise<Before> {
  const missing = () =>
    new ProblemError("not-found", { param: "previous_response_id", detail: "There is no such response." });
  if (!ResponseId.safeParse(id).success) throw missing();
  const session = sessionOfResponse(id);
  const found = await deps.sessions.response(call.tenant.id, session, id);
  if (!found.ok) throw missing();
  const seal = await deps.contentKeys.open(deps, call, session, found.value.key);
  if (seal === null) throw missing();
  return { session, version: 0, items: await openItems(seal, found.value.chain), seal };
}

async function itemsOf(deps: Deps, call: Call, id: string): Promise<Before> {
  const missing = () =>
    new ProblemError("not-found", { param: "conversation", detail: "There is no such conversation." });
  if (!ConversationId.safeParse(id).success) throw missing();
  const session = sessionOfConversation(id);
  const items: SessionItem[] = [];
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<Deps["sessions"]["items"]>> = await deps.sessions.items(call.tenant.id, session, {
      after,
      limit: LIMITS.messagesMax,
      order: "asc",
    });
    if (!page.ok) throw missing();
    items.push(...page.value.items);
    after = page.value.items.at(-1)?.id ?? null;
    if (page.value.more) continue;
    const seal = await deps.contentKeys.open(deps, call, session, page.value.key);
    if (seal === null) throw missing();
    return { session, version: page.value.version, items: await openItems(seal, items), seal };
  }
}
