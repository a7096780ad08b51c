import { ASSUMED_PRICES, MODEL_DEFAULTS } from "../../shared/contracts/config/defaults.ts";
import { splitRef } from "../../shared/contracts/config/fields.ts";
import type { CandidateEntry, Capability } from "../../shared/contracts/config/models.ts";
import type { ProviderEntry, ProvidersFile } from "../../shared/contracts/config/providers.ts";
import type { Candidate } from "../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { discounted, pricesOf } from "./compile-prices.ts";
import { localityOf } from "./compile-providers.ts";
import type { Declaration } from "./declare-candidates.ts";
import type { Findings } from "./findings.ts";

const FILE = "models.yml";
/** What is answered with numbers. */
const WITHOUT_OUTPUT_TOKENS: ReadonlySet<Dialect> = new Set(["openai.embeddings", "oip.infer"]);
const CHAT_SURFACES: readonly Dialect[] = ["openai.chat", "openai.responses", "anthropic.messages"];

/** Every declared candidate with all its facts. `providers` is null when that file has mistakes of its own. */
export function compileCandidates(
  declared: ReadonlyMap<string, Declaration>,
  providers: ProvidersFile | null,
  findings: Findings,
): Record<string, Candidate> {
  const compiled: Record<string, Candidate> = Object.create(null);
  if (declared.size > LIMITS.modelsMax) findings.problem(FILE, [], `more than ${LIMITS.modelsMax} models`);
  for (const declaration of declared.values())
    compiled[declaration.id] = compileCandidate(declaration, providers, findings);
  if (providers !== null) warnUnconfigured(declared, providers, findings);
  return compiled;
}

function warnUnconfigured(
  declared: ReadonlyMap<string, Declaration>,
  { providers }: ProvidersFile,
  findings: Findings,
): void {
  const byProvider = Map.groupBy(declared.keys(), (id) => splitRef(id).provider);
  for (const [provider, ids] of byProvider)
    if (!Object.hasOwn(providers, provider))
      findings.warn(FILE, [], `the provider ${provider} is not configured; ${ids.join(", ")} cannot be chosen`);
}

function compileCandidate(declaration: Declaration, providers: ProvidersFile | null, findings: Findings): Candidate {
  const { id, facts, listed, path } = declaration;
  const { provider, model } = splitRef(id);
  const entry =
    providers !== null && Object.hasOwn(providers.providers, provider) ? (providers.providers[provider] ?? null) : null;
  const refuse = (member: string, message: string) => findings.problem(FILE, facts ? [...path, member] : path, message);
  const locality = entry === null ? null : localityOf(entry);
  if (listed && locality && (listed.group === "local") !== (locality === "local"))
    refuse("provider", `${id} is listed under ${listed.group}, but the provider ${provider} is ${locality}`);
  if (facts?.tier !== undefined && listed && facts.tier !== listed.tier)
    refuse("tier", `${id} is tier ${facts.tier} here, and listed under tier${listed.tier}`);
  const capabilities = capabilitiesOf(facts);
  const surfaces = facts?.surfaces ?? surfacesOf(capabilities);
  if (entry) checkSurfaces(surfaces, entry, refuse);
  if (facts?.tensors && !surfaces.includes("oip.infer"))
    refuse("tensors", "are of models that take tensors: capabilities lack predict");
  const generates = surfaces.some((surface) => !WITHOUT_OUTPUT_TOKENS.has(surface));
  const outputMax = generates ? (facts?.output_tokens_max ?? MODEL_DEFAULTS.output_tokens_max) : 0;
  const context = facts?.context_tokens ?? Math.max(MODEL_DEFAULTS.context_tokens, outputMax);
  if (outputMax > context) refuse("output_tokens_max", `is more than its context of ${context} tokens`);
  const reserve = facts?.reserve_output_tokens;
  if (reserve !== undefined && reserve > outputMax)
    refuse("reserve_output_tokens", `is more than output_tokens_max (${outputMax})`);
  return {
    id,
    provider,
    model,
    tier: facts?.tier ?? listed?.tier ?? (locality === "local" ? 0 : 1),
    lane: facts?.lane ?? (entry?.kind === "pool" ? "queue" : "direct"),
    surfaces: [...surfaces],
    tools: capabilities.has("tools"),
    vision: capabilities.has("vision"),
    structured_output: capabilities.has("structured_output"),
    context_tokens: context,
    output_tokens_max: outputMax,
    reserve_output_tokens: Math.min(reserve ?? MODEL_DEFAULTS.reserve_output_tokens, outputMax),
    image_tokens: facts?.image_tokens ?? MODEL_DEFAULTS.image_tokens,
    ...priced(
      declaration,
      locality ?? (listed?.group === "local" ? "local" : "api"),
      entry !== null,
      { generates, tokens: surfaces.some((surface) => surface !== "oip.infer") },
      findings,
    ),
    weight: facts?.weight ?? 1,
    ...(facts?.tensors === undefined ? {} : { tensors: facts.tensors }),
    ...(facts?.weights_digest === undefined ? {} : { weights_digest: facts.weights_digest }),
  };
}

/** A model that states no capabilities is asked for anything a chat model may do; its engine's refusal is passed on. */
const capabilitiesOf = (facts: CandidateEntry | null): ReadonlySet<Capability> =>
  new Set(facts?.capabilities ?? (["chat", "tools", "vision", "structured_output"] as const));

const TENSOR_ENGINES: ReadonlySet<ProviderEntry["kind"]> = new Set(["oip", "pool", "synthetic"]);

function surfacesOf(capabilities: ReadonlySet<Capability>): Dialect[] {
  const surfaces: Dialect[] = capabilities.has("chat") ? [...CHAT_SURFACES] : [];
  if (capabilities.has("completions")) surfaces.push("openai.completions");
  if (capabilities.has("embeddings")) surfaces.push("openai.embeddings");
  if (capabilities.has("predict")) surfaces.push("oip.infer");
  return surfaces;
}

/** Completions, embeddings and tensors have no other form to be translated from. */
function checkSurfaces(
  surfaces: readonly Dialect[],
  entry: ProviderEntry,
  refuse: (member: string, message: string) => void,
): void {
  if (surfaces.length === 0)
    refuse("capabilities", "names nothing that can be asked: add chat, completions, embeddings or predict");
  for (const surface of ["openai.completions", "openai.embeddings"] as const) {
    if (!surfaces.includes(surface)) continue;
    if (entry.kind === "anthropic") refuse("capabilities", `the engine kind anthropic does not answer ${surface}`);
    else if (entry.dialects && !entry.dialects.includes(surface))
      refuse("capabilities", `the provider's dialects lack ${surface}`);
  }
  const tensors = surfaces.includes("oip.infer");
  if (tensors && !TENSOR_ENGINES.has(entry.kind))
    refuse("capabilities", `the engine kind ${entry.kind} does not answer oip.infer`);
  else if (tensors && entry.dialects && !entry.dialects.includes("oip.infer"))
    refuse("capabilities", "the provider's dialects lack oip.infer");
  if (entry.kind === "oip" && surfaces.some((surface) => surface !== "oip.infer"))
    refuse("capabilities", "the engine kind oip answers tensors alone: capabilities are [predict]");
}

function priced(
  { id, facts, path }: Declaration,
  locality: "local" | "api",
  configured: boolean,
  { generates, tokens }: { generates: boolean; tokens: boolean },
  findings: Findings,
): Pick<Candidate, "prices" | "batch_prices"> & { prices_assumed?: true } {
  if (facts?.prices !== undefined) {
    if (facts.prices !== "none" && generates && facts.prices.output === undefined && locality === "api")
      findings.problem(FILE, [...path, "prices", "output"], "is missing: USD per million output tokens");
    if (facts.prices !== "none" && facts.prices.input === undefined && tokens)
      findings.problem(FILE, [...path, "prices", "input"], "is missing: USD per million input tokens");
    const prices = pricesOf(facts.prices);
    const { batch_discount: discount = 0 } = facts;
    return discount === 0 ? { prices } : { prices, batch_prices: discounted(prices, discount) };
  }
  if (locality === "local") return { prices: {} };
  if (facts !== null && configured)
    findings.problem(FILE, [...path, "prices"], "are missing: state them in USD per million tokens, or `prices: none`");
  else if (configured)
    findings.warn(
      FILE,
      path,
      `${id} states no prices; 3 USD per million input and 15 per million output tokens are assumed`,
    );
  return { prices: { ...ASSUMED_PRICES }, prices_assumed: true };
}
