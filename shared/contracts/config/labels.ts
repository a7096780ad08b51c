import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { Classification, Marking, Purpose } from "../policy/labels.ts";

/** Purposes that calls may have; `default` is that of a call that names none. */
export const PurposesEntry = z
  .strictObject({
    allowed: z.array(Purpose).min(1).max(LIMITS.purposesMax),
    default: Purpose.nullable().default(null),
  })
  .check((context) => {
    const { allowed, default: fallback } = context.value;
    if (fallback !== null && !allowed.includes(fallback))
      context.issues.push({ code: "custom", message: `${fallback} is not among the allowed`, input: null });
  });

/** What is known of a call before the caller says anything; of a tenant or of an intent. */
export const labelMembers = {
  /** The least classification of every call. */
  classification: Classification.optional(),
  markings: z.array(Marking).max(LIMITS.markingsMax).optional(),
  purposes: PurposesEntry.optional(),
};
