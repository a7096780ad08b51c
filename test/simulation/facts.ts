import type { TenantName } from "./parts/config.ts";
import type { Answered } from "./parts/http.ts";

/** Somebody's credential. */
export interface Credential {
  tenant: TenantName;
  kid: string;
  text: string;
  /** Whom the ledger names. */
  subject: string;
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
  kind: "revoked" | "suspended" | "local-only" | "denied" | "away";
  tenant: TenantName;
  /** In which cell; absent: in every one. */
  cell?: string;
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

/** A response that the cell was asked to keep. */
export interface KeptResponse {
  id: string;
  tenant: TenantName;
  subject: string;
  prompt: string;
  conversation: string | null;
  /** When it was asked for, and when its name was known. */
  sentMs: number;
  toldMs: number;
  /** Somebody was told that it is kept, all of it. */
  whole: boolean;
}

/** Content that somebody had destroyed. */
export interface ErasureFact {
  tenant: TenantName;
  scope: "subject" | "conversation" | "response";
  /** The subject's name, or the id. */
  object: string;
  sentMs: number;
  /** When it was acknowledged; infinity while it was not. */
  toldMs: number;
  /** Requests that may have done it: each whose answer was lost may still be on its way. */
  tries: number;
}

/** How long after its acknowledgement a lost try of the same erasure may come: as long as a process stops, and a message lies. */
const LATE_TRY_MS = 300_000;

const covers = ({ tenant, scope, object }: ErasureFact, kept: KeptResponse): boolean =>
  tenant === kept.tenant &&
  object === (scope === "subject" ? kept.subject : scope === "response" ? kept.id : kept.conversation);

/** What callers know for certain: the judge's evidence, apart from the cell's own books. */
export class Facts {
  readonly prompts = new Map<string, Prompt>();
  readonly acknowledged: Acknowledged[] = [];
  /** Keys that somebody wanted revoked, told or not. */
  readonly revoking = new Set<string>();
  readonly batches: BatchFacts[] = [];
  /** Fences given out in a cell to a tenant that lives there, by task. */
  readonly #fences = new Map<string, Map<string, number>>();
  /** Cells that a tenant is being written in, with its name. */
  readonly #written = new Set<string>();
  /** When a task was leased last. */
  readonly leasedMs = new Map<string, number>();
  /** Sizes and heads of ledgers as their tenants saw them. */
  readonly heads: { tenant: TenantName; size: number; head: string }[] = [];
  readonly approvals = new Map<string, AskedApproval>();
  /** When somebody first went about telling of a task's end. */
  readonly tellingMs = new Map<string, number>();
  /** Each time that somebody did. */
  readonly lookedMs = new Map<string, number[]>();
  /** What an administrator was told is in force: revisions of a tenant's own policy. */
  readonly policies = new Map<TenantName, number>();
  readonly kept = new Map<string, KeptResponse>();
  readonly erasures: ErasureFact[] = [];
  #prompts = 0;

  fencesIn(cell: string, tenant: string): Map<string, number> {
    const name = `${cell} ${tenant}`;
    const fences = this.#fences.get(name) ?? new Map<string, number>();
    this.#fences.set(name, fences);
    return fences;
  }

  /** The tenant comes with its tasks as they were where it was: theirs count on from there. */
  arrives(cell: string, tenant: string): void {
    this.#fences.delete(`${cell} ${tenant}`);
    this.#written.delete(`${cell} ${tenant}`);
  }

  /** It may be written there still, once more after each crash, while somebody asks for it to be live. */
  isWritten(cell: string, tenant: string): void {
    this.#written.add(`${cell} ${tenant}`);
  }

  mayBeWritten = (cell: string, tenant: string): boolean => this.#written.has(`${cell} ${tenant}`);

  prompt(of: Omit<Prompt, "id" | "sentMs" | "tasks" | "answers">): Prompt {
    const prompt: Prompt = { ...of, id: `q${++this.#prompts}`, sentMs: [], tasks: new Set(), answers: [] };
    this.prompts.set(prompt.id, prompt);
    return prompt;
  }

  /** Everything that was to destroy it. */
  erasuresOf(kept: KeptResponse): ErasureFact[] {
    return this.erasures.filter((one) => covers(one, kept));
  }

  /** Whether it was there when somebody asked for its end, who was told before this instant that it is destroyed. */
  isErased(kept: KeptResponse, beforeMs: number): boolean {
    return this.erasuresOf(kept).some((one) => kept.toldMs <= one.sentMs && one.toldMs < beforeMs);
  }

  /** Whether its words are nobody's any more: those in a conversation stay there without their response. */
  isSilenced(kept: KeptResponse, beforeMs: number): boolean {
    return this.erasuresOf(kept).some(
      (one) =>
        !(one.scope === "response" && kept.conversation !== null) && kept.toldMs <= one.sentMs && one.toldMs < beforeMs,
    );
  }

  /** Whether anything that was asked for until this instant may have destroyed it. */
  mayBeErased(kept: KeptResponse, untilMs: number): boolean {
    return this.erasuresOf(kept).some(
      (one) => one.sentMs <= untilMs && kept.sentMs <= one.toldMs + (one.tries > 1 ? LATE_TRY_MS : 0),
    );
  }

  /** Whether this was in force, by acknowledgement, all the time from `sentMs` to `nowMs`. */
  inForce(
    kind: Acknowledged["kind"],
    of: { tenant: string; kid: string | null; cell?: string },
    sentMs: number,
    nowMs: number,
  ): boolean {
    return this.acknowledged.some(
      (fact) =>
        fact.kind === kind &&
        fact.tenant === of.tenant &&
        (fact.kid === null || fact.kid === of.kid) &&
        (fact.cell === undefined || fact.cell === of.cell) &&
        fact.fromMs < sentMs &&
        nowMs < fact.untilMs,
    );
  }
}
