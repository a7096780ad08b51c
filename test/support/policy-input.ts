import { PolicyInput } from "../../shared/contracts/policy/input.ts";

/** What a developer of tenant `acme` is decided over, unless said otherwise. */
export const policyInput = (over: Record<string, unknown> = {}): PolicyInput =>
  PolicyInput.parse({
    schema_version: 1,
    point: "request",
    actor: {
      scopes: { tenant: "acme", workspace: "default", project: "default", environment: "default" },
      subject: "service:demo",
      kind: "service",
      roles: ["developer"],
      granted: ["*"],
      acr: null,
      amr: [],
      credential: "key:4kQ0Zt7bXw2N",
      kid: "4kQ0Zt7bXw2N",
      cell_operator: false,
      act: [],
    },
    action: "inference:invoke",
    operation: "chat.completions.create",
    effect: "ambiguous",
    resource: { kind: "model", id: null },
    scopes: { tenant: "acme", workspace: "default", project: "default", environment: "default" },
    cell: { id: "local", jurisdiction: "local" },
    privacy: "hybrid",
    classification: null,
    purpose: null,
    markings: [],
    intent: null,
    candidates: [],
    features: { stream: false, tools: false, images: false, hold_nusd: 0, detected: null },
    ...over,
  });
