import type { TenantName } from "./parts/config.ts";
import type { Answered } from "./parts/http.ts";

/** Somebody's credential. */
export interface Credential {
  tenant: TenantName;
  kid: string;
  text: string;
}

/** What was asked of an engine, and everything that came back of it. */
export interface Prompt {
  id: string;
  tenant: TenantName;
  kid: string;
  model: string;
  key: string | null;
  kind: "unary" | "stream" | "background" | "batch" | "session" | "task" | "guarded";
  /** When the newest request with this prompt was sent. */
  sentMs: number[];
  /** Of answers whose head arrived. */
  tasks: Set<string>;
  answers: { answer: Answered; sentMs: number; doneMs: number; said: string | null; complete: boolean }[];
}

/** A change that was acknowledged, and until when it was certainly in force. */
export interface Acknowledged {
  kind: "revoked" | "suspended" | "local-only" | "denied";
  tenant: TenantName;
  /** The revoked key. */
  kid: string | null;
  fromMs: number;
  /** When its undoing was sent; infinity while it was not. */
  untilMs: number;
}

export interface BatchFacts {
  tenant: TenantName;
  id: string;
  /** `custom_id` → prompt. */
  lines: Map<string, string>;
}

/** What somebody was asked to approve, as whoever decides saw it. */
export interface AskedApproval {
  id: string;
  tenant: TenantName;
  prompt: string;
  digest: string;
  verdict: "approve" | "reject";
  /** The verdict was answered, so that it stands. */
  acknowledged: boolean;
}

/** What callers know for certain: the judge's evidence, apart from the cell's own books. */
export class Facts {
  readonly prompts = new Map<string, Prompt>();
  readonly acknowledged: Acknowledged[] = [];
  readonly batches: BatchFacts[] = [];
  /** Fences given out, by task, and what was written under which. */
  readonly fences = new Map<string, number>();
  /** When a task was leased last. */
  readonly leasedMs = new Map<string, number>();
  /** Sizes and heads of ledgers as their tenants saw them. */
  readonly heads: { tenant: TenantName; size: number; head: string }[] = [];
  readonly approvals = new Map<string, AskedApproval>();
  /** When somebody first went about telling of a task's end. */
  readonly tellingMs = new Map<string, number>();
  /** What an administrator was told is in force: revisions of a tenant's own policy. */
  readonly policies = new Map<TenantName, number>();
  #prompts = 0;

  prompt(of: Omit<Prompt, "id" | "sentMs" | "tasks" | "answers">): Prompt {
    const prompt: Prompt = { ...of, id: `q${++this.#prompts}`, sentMs: [], tasks: new Set(), answers: [] };
    this.prompts.set(prompt.id, prompt);
    return prompt;
  }

  /** Whether this was in force, by acknowledgement, all the time from `sentMs` to `nowMs`. */
  inForce(
    kind: Acknowledged["kind"],
    of: { tenant: string; kid: string | null },
    sentMs: number,
    nowMs: number,
  ): boolean {
    return this.acknowledged.some(
      (fact) =>
        fact.kind === kind &&
        fact.tenant === of.tenant &&
        (fact.kid === null || fact.kid === of.kid) &&
        fact.fromMs < sentMs &&
        nowMs < fact.untilMs,
    );
  }
}
