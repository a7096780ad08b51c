import { expect } from "vitest";
import { eventually, type Lab, type Tenant, user } from "./lab.ts";

/** Somebody of a tenant. */
export interface Person {
  key: string;
  /** Id of their key. */
  kid: string;
  subject: string;
}

/** An approval as its readers get it: the tests assert what they read. */
// biome-ignore lint/suspicious/noExplicitAny: the tests assert what they read
export type Seen = any;

/** What people do with approvals, over HTTP. */
export function approvalsDesk(lab: Lab) {
  const desk = {
    async person(tenant: Tenant, roles: readonly string[], subject?: string): Promise<Person> {
      const made = await lab.newKey(tenant, { roles, ...(subject === undefined ? {} : { subject }) });
      return { key: made.secret, kid: made.id, subject: (made as Seen).subject };
    },
    chat: (key: string, model: string, text: string, over: { idempotency?: string; headers?: object } = {}) =>
      lab.ask("/v1/chat/completions", {
        key,
        headers: { ...(over.idempotency ? { "idempotency-key": over.idempotency } : {}), ...over.headers },
        body: { model, messages: [user(text)] },
      }),
    /** Asks for something that must be approved, and answers the approval's id. */
    async ask(key: string, model: string, text: string, over: { idempotency?: string } = {}): Promise<string> {
      const response = await desk.chat(key, model, text, over);
      const document = await response.json();
      expect([response.status, document.error?.code]).toEqual([403, "approval_required"]);
      expect(document.approval).toBe(response.headers.get("x-bailiwick-approval"));
      return document.approval;
    },
    get: (key: string, id: string, query = ""): Promise<Seen> => lab.json(`/v1/approvals/${id}${query}`, { key }),
    /** A verdict over what is there now, unless the test says over what. */
    async decide(key: string, id: string, verb: "approve" | "reject" | "edit", over: object = {}, query = "") {
      const seen = "digest" in over ? {} : { digest: (await desk.get(key, id, query)).digest };
      const response = await lab.ask(`/v1/approvals/${id}/${verb}${query}`, { key, body: { ...seen, ...over } });
      const document: Seen = await response.json();
      return { status: response.status, code: document.error?.code ?? null, reasons: document.reasons, document };
    },
    /** The approval once its run is over. */
    done: (key: string, id: string): Promise<Seen> =>
      eventually(
        () => desk.get(key, id),
        ({ state }) => state === "done",
      ),
  };
  return desk;
}
