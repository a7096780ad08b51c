import type { Actor } from "../../shared/contracts/actor.ts";
import { EnvironmentId, ProjectId, TenantId, WorkspaceId } from "../../shared/contracts/ids.ts";
import type { PolicyFacts } from "../../shared/contracts/policy/facts.ts";
import type { PolicyCandidate, PolicyInput } from "../../shared/contracts/policy/input.ts";

/** Facts of a cell that configured nothing: no lists, no markings, no restrictions, nothing high-risk. */
export const PLAIN_FACTS: PolicyFacts = {
  schema_version: 1,
  snapshot: "sha256:0",
  residency: { jurisdictions_allow: {} },
  providers: { deny: {}, allow: { pool: true, provider: true } },
  privacy: { local_only_intents: {}, local_only_classifications: {} },
  intents: {},
  markings: {},
  restrictions: [],
  data_loss: { detectors: {}, output: [] },
  high_risk: { actions: {}, acr_values: null },
  tenant: { id: "acme", providers_allow: { pool: true, provider: true }, purposes: null, markings: null },
};

const SCOPES = {
  tenant: TenantId.parse("acme"),
  workspace: WorkspaceId.parse("default"),
  project: ProjectId.parse("default"),
  environment: EnvironmentId.parse("default"),
};

export const ACTOR: Actor = {
  scopes: SCOPES,
  subject: "key:app",
  kind: "service",
  roles: ["developer"],
  granted: ["*"],
  acr: null,
  amr: [],
  credential: "key:k1",
  kid: null,
  cell_operator: false,
  act: [],
};

/** Our own pool. */
export const LOCAL: PolicyCandidate = {
  id: "pool:small-1",
  alias: "fast",
  provider: "pool",
  model: "small-1",
  tier: 0,
  locality: "local",
  jurisdiction: "eu",
};

/** A provider in another jurisdiction than its accepted ones would be refused: this one lies in the cell's. */
export const API: PolicyCandidate = {
  id: "provider:large-1",
  alias: "fast",
  provider: "provider",
  model: "large-1",
  tier: 2,
  locality: "api",
  jurisdiction: "eu",
};

/** A chat call of a developer's key with our own pool and a provider to choose from. */
export const CHAT: PolicyInput = {
  schema_version: 1,
  point: "request",
  actor: ACTOR,
  action: "inference:invoke",
  operation: "chat.completions.create",
  effect: "ambiguous",
  resource: { kind: "model", id: null },
  scopes: SCOPES,
  cell: { id: "eu1", jurisdiction: "eu" },
  privacy: "allow-api",
  classification: null,
  purpose: null,
  markings: [],
  intent: null,
  candidates: [LOCAL, API],
  features: { stream: true, tools: false, images: false, hold_nusd: 0, detected: null },
};
