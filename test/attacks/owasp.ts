import type { OwaspItem } from "./attack.ts";

export interface Item {
  id: OwaspItem;
  title: string;
  /** What the attacks of this item are about here, and what is out of scope. */
  about: string;
}

/** OWASP API Security Top 10, 2023. */
export const OWASP_API: readonly Item[] = [
  {
    id: "API1",
    title: "Broken object level authorization",
    about:
      "Ids of others on every operation that takes one (the matrix, column *stranger*), and ids inside bodies, cursors and headers.",
  },
  { id: "API2", title: "Broken authentication", about: "Forged, stolen and respelled credentials." },
  {
    id: "API3",
    title: "Broken object property level authorization",
    about: "Members that a caller may not set or see.",
  },
  { id: "API4", title: "Unrestricted resource consumption", about: "Bodies, depths, counts and costs without bound." },
  {
    id: "API5",
    title: "Broken function level authorization",
    about:
      "Operations of other roles (the matrix, columns *lesser role* and *narrowed scope*), methods and headers that name another one.",
  },
  {
    id: "API6",
    title: "Unrestricted access to sensitive business flows",
    about: "Approvals that their own requester gives, tenants that anybody makes, keys that make stronger keys.",
  },
  {
    id: "API7",
    title: "Server side request forgery",
    about: "Every place that takes an address from somebody else: callbacks, issuers, engines, headers of tokens.",
  },
  {
    id: "API8",
    title: "Security misconfiguration",
    about:
      "Headers, errors and methods that tell or allow too much. TLS is the runtime's and is tested with the releases.",
  },
  {
    id: "API9",
    title: "Improper inventory management",
    about:
      "Paths and methods that no document names. `test/operations.test.ts` holds every mounted route against the list of operations.",
  },
  { id: "API10", title: "Unsafe consumption of APIs", about: "Engines that answer what they should not." },
];

/** OWASP Top 10 for LLM applications, 2025, as far as a gateway reaches. */
export const OWASP_LLM: readonly Item[] = [
  {
    id: "LLM1",
    title: "Prompt injection",
    about:
      "What a prompt or a tool's output says changes nothing that the cell decides: privacy, route, model, tenant, budget. Whether a *model* obeys an injected text is out of scope: no gateway can promise it, and ours does not.",
  },
  {
    id: "LLM2",
    title: "Sensitive information disclosure",
    about: "Personal data and secrets before an external provider, prompts in errors and logs.",
  },
  {
    id: "LLM3",
    title: "Supply chain",
    about:
      "Models, bundles and answers under false names. Weights are pinned by digest where the engine tells one; the images of engines are the operator's.",
  },
  {
    id: "LLM4",
    title: "Data and model poisoning",
    about:
      "Out of scope: the cell trains nothing and keeps no data set. What it stores of conversations stays with its tenant (API1).",
  },
  {
    id: "LLM5",
    title: "Improper output handling",
    about:
      "Answers that become headers, events, pages or members of something else. The cell runs nothing that a model says; what an application does with it is the application's.",
  },
  {
    id: "LLM6",
    title: "Excessive agency",
    about:
      "Tools are the caller's: the cell calls none. What is governed is the call itself: approvals cannot be given by who asked.",
  },
  {
    id: "LLM7",
    title: "System prompt leakage",
    about:
      "Prompts in logs, errors, task envelopes and the ledger. What a model itself repeats of its prompt is out of scope.",
  },
  { id: "LLM8", title: "Vector and embedding weaknesses", about: "Out of scope: there is no retrieval store yet." },
  {
    id: "LLM9",
    title: "Misinformation",
    about: "Out of scope: whether an answer is true is not judged. Answers of the synthetic engine say that they are.",
  },
  {
    id: "LLM10",
    title: "Unbounded consumption",
    about: "Budgets, holds and caps under prompts and engines that want more.",
  },
];
