import { z } from "zod";

/** `bailiwick.metrics.runtime.v1`: values over one window. Labels name things of the cell, never people or content. */
export const RuntimeMetricsV1 = z.object({
  schema_version: z.literal(1),
  from_ms: z.number().int(),
  to_ms: z.number().int(),
  metrics: z
    .array(
      z.object({
        name: z.string().max(128),
        labels: z.record(z.string().max(64), z.string().max(256)),
        value: z.number(),
      }),
    )
    .max(256),
});
export type RuntimeMetricsV1 = z.infer<typeof RuntimeMetricsV1>;
