import { z } from "zod";

/** A published ceiling of one tenant is about 500 requests a second; a million a minute is beyond every bucket. */
const perMinute = z.number().int().min(1).max(1_000_000);
const tokensPerMinute = z.number().int().min(1).max(1_000_000_000);

/** Members that are absent keep the cell's value; `null` switches a limit off. */
export const RatesEntry = z.strictObject({
  key: z.strictObject({ per_minute: perMinute, burst: perMinute }).optional(),
  user: z.strictObject({ per_minute: perMinute, per_second: perMinute }).nullable().optional(),
  workspace: z.strictObject({ per_minute: perMinute }).nullable().optional(),
  tenant: z.strictObject({ per_minute: perMinute }).nullable().optional(),
  tokens: z
    .strictObject({ key_per_minute: tokensPerMinute.nullable(), tenant_per_minute: tokensPerMinute.nullable() })
    .optional(),
  preauth_per_minute: perMinute.optional(),
});
export type RatesEntry = z.infer<typeof RatesEntry>;
