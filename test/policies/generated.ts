import fc from "fast-check";
import type { Actor, Role } from "../../shared/contracts/actor.ts";
import { ACTOR, API, CHAT, LOCAL, PLAIN_FACTS } from "./cases.ts";

/** One question: what is asked, over which facts, and when. */
export interface Question {
  input: unknown;
  facts: unknown;
  now_ns: number;
}

const { constant, constantFrom, boolean, record, dictionary, tuple, array, option, oneof } = fc;
const set = (...names: string[]) =>
  fc.subarray(names).map((chosen) => Object.fromEntries(chosen.map((name) => [name, true as const])));
const maybe = <T>(values: fc.Arbitrary<T>) => option(values, { nil: undefined });
/** Most calls are plain in most respects: else something always speaks against them, and little else is seen. */
const usually = <T>(plain: T, others: fc.Arbitrary<T>) =>
  oneof({ weight: 3, arbitrary: constant(plain) }, { weight: 1, arbitrary: others });
const orNull = <T>(values: fc.Arbitrary<T>) => option(values, { nil: null });

const INTENTS = ["answer", "summarize", "unknown"] as const;
const MARKINGS = ["REL-EU", "NOFORN", "NEW"] as const;
const PURPOSES = ["support", "training", "bulk"] as const;
const CLASSES = ["internal", "restricted"] as const;
const DETECTORS = ["email", "api-key", "phone"] as const;
const ACTIONS = ["inference:invoke", "key:write", "model:read", "ledger:read", "tenant:create", "new:thing"] as const;

const candidate = record({
  id: constantFrom("pool:a", "pool:b", "provider:c", "other:d"),
  alias: constantFrom("fast", "slow"),
  provider: constantFrom("pool", "provider", "other"),
  model: constantFrom("small-1", "large-1"),
  tier: constantFrom(0, 1, 2),
  locality: constantFrom("local", "api"),
  jurisdiction: constantFrom("eu", "us", "local"),
});

const actor = record({
  roles: fc.subarray<Role>(["admin", "operator", "auditor", "developer", "approver"]),
  granted: oneof(constant<string[]>(["*"]), fc.subarray(["inference:*", "key:write", "model:read", "tenant:create"])),
  kind: constantFrom<Actor["kind"]>("user", "service", "worker"),
  acr: orNull(constantFrom("phr", "pwd")),
  cell_operator: boolean(),
}).map((members): Actor => ({ ...ACTOR, ...members }));

/** Calls as the cell asks about them. */
const input = record({
  actor: usually<Actor>(ACTOR, actor),
  action: usually("inference:invoke", constantFrom(...ACTIONS)),
  operation: constantFrom("chat.completions.create", "keys.rotate"),
  effect: constantFrom("read", "reversible-write", "irreversible-write", "ambiguous"),
  scopes: record({
    tenant: usually("acme", constant("b")),
    workspace: constantFrom("default", "research"),
    project: constant("default"),
    environment: constantFrom("default", "production"),
  }),
  cell: constantFrom({ id: "eu1", jurisdiction: "eu" }, { id: "local", jurisdiction: "local" }),
  privacy: constantFrom("allow-api", "hybrid", "local-only"),
  classification: orNull(constantFrom(...CLASSES)),
  purpose: orNull(constantFrom(...PURPOSES)),
  markings: usually<string[]>([], fc.subarray([...MARKINGS])),
  intent: usually(null, constantFrom(...INTENTS)),
  candidates: oneof(constant([LOCAL, API]), fc.uniqueArray(candidate, { maxLength: 4, selector: ({ id }) => id })),
  features: record({
    stream: boolean(),
    tools: boolean(),
    images: constant(false),
    hold_nusd: constantFrom(0, 5_000),
    detected: orNull(fc.subarray([...DETECTORS, "iban"])),
  }),
  grants: orNull(fc.subarray<Role>(["admin", "developer", "approver"])),
}).map(({ grants, ...members }) => ({ ...CHAT, ...members, ...(grants === null ? {} : { grants }) }));

const intent = record({
  privacy: constantFrom("allow-api", "hybrid", "local-only"),
  routes: set("local", "api", "hybrid"),
  tiers: tuple(boolean(), boolean(), boolean()),
  purposes: usually(null, set(...PURPOSES)),
  limits: constantFrom({}, { budget_nusd: 1_000 }, { output_tokens_max: 64, latency_ms_max: 500 }),
});

const restriction = record({
  id: constantFrom("one", "two"),
  when: record(
    {
      action: set(...ACTIONS),
      actor_kind: set("user", "service"),
      workspace: set("default", "research"),
      environment: set("default", "production"),
      intent: set(...INTENTS),
      purpose: set(...PURPOSES),
      classification: set(...CLASSES),
    },
    { requiredKeys: [] },
  ),
  deny: boolean(),
  only: record(
    {
      model: set("small-1", "large-1"),
      tier: set("0", "1", "2"),
      locality: set("local", "api"),
      jurisdiction: set("eu", "us"),
    },
    { requiredKeys: [] },
  ),
});

const risk = record({
  approval: orNull(constant({ approvers: 2, role: "admin", edit: false })),
  step_up: boolean(),
});

const facts = record({
  residency: record({ jurisdictions_allow: set("us", "local") }),
  providers: record({ deny: set("other"), allow: set("pool", "provider", "other") }),
  privacy: record({ local_only_intents: set("summarize"), local_only_classifications: set("restricted") }),
  intents: record({ answer: intent, summarize: intent }),
  markings: dictionary(
    constantFrom("REL-EU", "NOFORN"),
    record({
      local_only: boolean(),
      jurisdictions: orNull(set("eu", "us")),
      providers: orNull(set("pool", "provider")),
    }),
  ),
  restrictions: array(restriction, { maxLength: 2 }),
  data_loss: record({
    detectors: dictionary(
      constantFrom(...DETECTORS),
      record({ effect: constantFrom("deny", "redact"), leaving_only: boolean() }),
    ),
    output: fc.subarray(["email", "phone"]),
  }),
  high_risk: record({
    actions: dictionary(constantFrom("key:write", "keys.rotate", "inference:invoke"), risk, { maxKeys: 1 }),
    acr_values: orNull(constant(["phr"])),
  }),
  tenant: record({
    id: constant("acme"),
    providers_allow: set("pool", "provider", "other"),
    purposes: usually(null, set(...PURPOSES)),
    markings: orNull(set(...MARKINGS)),
  }),
}).chain((all) =>
  fc.subarray(Object.keys(all), { maxLength: 2 }).map((parts) => ({
    ...PLAIN_FACTS,
    intents: all.intents,
    ...Object.fromEntries(Object.entries(all).filter(([part]) => parts.includes(part))),
  })),
);

const junk = oneof(
  constant(null),
  boolean(),
  constantFrom("", "x", 0, -1, 1.5),
  constant([]),
  constant({}),
  constant([null]),
);

/** A document in which one member, at any depth, is missing or something else. */
function damaged(document: unknown, path: readonly number[], replacement: unknown): unknown {
  if (typeof document !== "object" || document === null) return replacement;
  const keys = Object.keys(document);
  const key = keys[(path[0] ?? 0) % Math.max(1, keys.length)];
  if (key === undefined) return replacement;
  if (Array.isArray(document))
    return document.map((element, at) => (String(at) === key ? damaged(element, path.slice(1), replacement) : element));
  const members = Object.entries(document).flatMap(([name, member]) => {
    if (name !== key) return [[name, member]];
    const changed = path.length <= 1 ? replacement : damaged(member, path.slice(1), replacement);
    return changed === undefined ? [] : [[name, changed]];
  });
  return Object.fromEntries(members);
}
const damage = (documents: fc.Arbitrary<unknown>) =>
  tuple(documents, array(fc.nat(20), { minLength: 1, maxLength: 3 }), maybe(junk)).map(
    // As JSON carries it: an element that is gone is null, and a document that is gone is an empty one.
    ([document, path, replacement]): unknown =>
      JSON.parse(JSON.stringify(damaged(document, path, replacement)) ?? "{}"),
  );

const HOUR_NS = 3_600_000_000_000;
/** 1 July 2026, 00:00 UTC, and some hours after it. */
const instant = fc.nat(24 * 8).map((hours) => 1_782_864_000_000_000_000 + hours * HOUR_NS);

/** Questions as a cell asks them, over every kind of facts. */
export const questions: fc.Arbitrary<Question> = record({ input, facts, now_ns: instant });
/** Questions of which input or facts are broken. */
export const brokenQuestions: fc.Arbitrary<Question> = oneof(
  record({ input: damage(input), facts, now_ns: instant }),
  record({ input, facts: damage(facts), now_ns: instant }),
);
