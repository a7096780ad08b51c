import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { NANO_USD_MAX } from "../money.ts";

/** RFC 3339 in UTC, milliseconds: what every `*_at` of our own resources holds. */
export const Timestamp = z.iso.datetime().meta({ description: "RFC 3339, UTC." });
/** RFC 3339 with `Z` or an offset, as callers send it. */
export const TimestampInput = z.iso
  .datetime({ offset: true })
  .meta({ description: "RFC 3339, with `Z` or an offset." });
/** A UTC day, `YYYY-MM-DD`. */
export const Day = z.iso.date().meta({ description: "A UTC day." });

/** Exact decimal dollars, derived from the integer beside it. */
export const DecimalUsd = z
  .string()
  .regex(/^-?\d{1,8}(?:\.\d{1,9})?$/)
  .meta({ description: "Exact decimal US dollars; derived from the `_nusd` member beside it." });
/** Integer nano-dollars: the authority for money. */
export const IntegerNusd = z
  .int()
  .min(-NANO_USD_MAX)
  .max(NANO_USD_MAX)
  .meta({ description: "Integer nano-dollars (1e-9 USD), the authority." });

/** Any JSON value. Not `z.json()`, whose recursion the OpenAPI generator cannot follow. */
export const AnyJson = z.unknown().meta({ description: "Any JSON value." });

/** A name that people choose and read; no control characters. Without the `u` flag, which JSON Schema has no place for. */
export const DisplayName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[ -~\u00a0-\uffff]*$/);

/** OpenAI's `metadata`: at most 16 pairs of strings, 64 and 512 characters. */
export const Metadata = z
  .record(z.string().max(LIMITS.metadataKeyCharsMax), z.string().max(LIMITS.metadataValueCharsMax))
  .refine((pairs) => Object.keys(pairs).length <= LIMITS.metadataPairsMax, {
    error: `at most ${LIMITS.metadataPairsMax} pairs`,
  })
  .meta({
    description: "Up to 16 pairs that are kept with the object.",
    maxProperties: LIMITS.metadataPairsMax,
    example: { ticket: "T-1024" },
  });

/** A model alias as `GET /v1/models` lists it. */
export const ModelName = z.string().min(1).max(256).meta({ description: "An alias that `GET /v1/models` lists." });
export const TokenCount = z.int().min(0);
/** Streams end with usage only when asked; null and absent mean no. */
export const StreamOptions = z.looseObject({ include_usage: z.boolean().nullish() });
/** A member whose shape belongs to the engine: an object that names its `type`, whatever else it holds. */
export const Typed = z.looseObject({ type: z.string().max(64) });
export const Tools = z.array(Typed).max(LIMITS.toolsMax);
export const ToolChoice = z.union([z.string().max(64), z.looseObject({ type: z.string().max(64) })]);
export const StopSequences = z.union([z.string(), z.array(z.string()).max(16)]);

/** The example that a schema carries in its metadata; undefined when it has none. */
export const exampleOf = (schema: z.ZodType): unknown => schema.meta()?.example;
