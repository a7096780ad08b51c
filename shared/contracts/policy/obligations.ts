import { z } from "zod";

const detectors = z
  .array(z.string().regex(/^[a-z][a-z0-9_.-]{0,63}$/))
  .min(1)
  .max(64);

/**
 * What an enforcement point can be obliged to do, with its parameters. Anything else, or parameters that do not parse,
 * turns the decision into a denial.
 */
export const OBLIGATIONS = {
  /** Take what the named detectors (or all) find out of what is sent to an engine. */
  redact_input: z.strictObject({ detectors: detectors.optional() }),
  /** Take it out of what is delivered, also across the borders of a stream's chunks. */
  redact_output: z.strictObject({ detectors: detectors.optional() }),
  cap_output_tokens: z.strictObject({ max: z.number().int().min(1).max(10_000_000) }),
  /** Only the cell's own pools may compute this. */
  require_local: z.strictObject({}),
  /** Exact model id; candidates with another are not used, and neither is an engine that reports another. */
  pin_model: z.strictObject({ model: z.string().min(1).max(256) }),
  /** The request may carry no tools, and none reach the engine. */
  forbid_tools: z.strictObject({}),
  /** Keep the content of this call where the tenant's setting allows it; a failure to keep it is a denial. */
  retain_content: z.strictObject({}),
  /** Keep no content of this call: no session, no stored response. */
  forbid_content: z.strictObject({}),
  audit_level: z.strictObject({ level: z.enum(["standard", "full"]) }),
  /** Sent as the response header `x-bailiwick-disclaimer`; printable ASCII. */
  disclaimer: z.strictObject({ text: z.string().regex(/^[\x20-\x7e]{1,256}$/) }),
} as const;
export type ObligationId = keyof typeof OBLIGATIONS;
export const OBLIGATION_IDS = Object.keys(OBLIGATIONS) as readonly ObligationId[]; // safe because: these are its keys

/** An obligation as a decision carries it: known, with parameters that parsed. */
export type Obligation = { [Id in ObligationId]: { id: Id; params: z.infer<(typeof OBLIGATIONS)[Id]> } }[ObligationId];

/** The form on the wire and in Rego: `{"id": "cap_output_tokens", "params": {"max": 256}}`. */
export const ObligationDocument = z.strictObject({
  id: z.string().min(1).max(64),
  params: z.record(z.string(), z.json()).optional(),
});
export type ObligationDocument = z.infer<typeof ObligationDocument>;

/** How an obligation ended, as the ledger and `GET /v1/decisions/{id}` tell it. */
export interface ObligationOutcome {
  id: ObligationId;
  outcome: "applied" | "failed";
  /** Such as how many spans were redacted; never content. */
  note: string | null;
}
