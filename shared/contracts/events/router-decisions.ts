import { z } from "zod";
import { RouteRecord } from "../task.ts";

/** `bailiwick.router.decisions.v1`: the route of one task as taken, with a reason for every rejected candidate. */
export const RouterDecisionV1 = z.object({
  schema_version: z.literal(1),
  task: z.string(),
  workspace: z.string(),
  project: z.string(),
  environment: z.string(),
  intent: z.string().nullable(),
  /** The alias that the caller asked for. */
  model: z.string().nullable(),
  route: RouteRecord,
  decision: z.string().nullable(),
  policy: z.string().nullable(),
  /** Digest of the configuration snapshot that was in force. */
  snapshot: z.string(),
});
export type RouterDecisionV1 = z.infer<typeof RouterDecisionV1>;
