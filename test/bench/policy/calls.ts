import type { PolicyFacts } from "../../../shared/contracts/policy/facts.ts";
import type { PolicyInput } from "../../../shared/contracts/policy/input.ts";
import { CHAT, LOCAL, PLAIN_FACTS } from "../../policies/cases.ts";

/** One call whose decision is measured. */
export interface BenchCall {
  name: string;
  input: PolicyInput;
  facts: PolicyFacts;
}

/** A cell with lists, intents, a marking and restrictions: what a configured installation decides by. */
const CONFIGURED: PolicyFacts = {
  ...PLAIN_FACTS,
  residency: { jurisdictions_allow: { us: true } },
  providers: { deny: { banned: true }, allow: { pool: true, provider: true } },
  intents: {
    answer: {
      privacy: "hybrid",
      routes: { local: true, api: true, hybrid: true },
      tiers: [true, true, true],
      purposes: { support: true },
      limits: { budget_nusd: 50_000_000 },
    },
  },
  markings: { "REL-EU": { local_only: false, jurisdictions: { eu: true }, providers: null } },
  restrictions: [
    {
      id: "small-in-development",
      when: { environment: { development: true } },
      deny: false,
      only: { tier: { "0": true } },
    },
  ],
  data_loss: { detectors: { email: { effect: "redact", leaving_only: true } }, output: [] },
};

export const BENCH_CALLS: readonly BenchCall[] = [
  { name: "chat, 2 candidates", input: CHAT, facts: PLAIN_FACTS },
  {
    name: "chat, configured cell, hybrid, marked",
    input: {
      ...CHAT,
      intent: "answer",
      purpose: "support",
      markings: ["REL-EU"],
      features: { ...CHAT.features, detected: ["email"] },
    },
    facts: CONFIGURED,
  },
  {
    name: "chat, 16 candidates",
    input: {
      ...CHAT,
      candidates: Array.from({ length: 16 }, (_, at) => ({ ...LOCAL, id: `pool:small-${at}`, model: `small-${at}` })),
    },
    facts: PLAIN_FACTS,
  },
  {
    name: "no engine: a list of models",
    input: { ...CHAT, action: "model:read", operation: "models.list", effect: "read", candidates: [] },
    facts: PLAIN_FACTS,
  },
  {
    name: "denied by role",
    input: { ...CHAT, action: "key:write", operation: "keys.create", effect: "reversible-write", candidates: [] },
    facts: PLAIN_FACTS,
  },
];
