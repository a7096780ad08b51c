import { z } from "zod";
import { LIMITS } from "../limits.ts";

/** What can be embedded or completed: text, texts, one token array, or token arrays. */
export type TextInput = string | string[] | number[] | number[][];

const isToken = (value: unknown): boolean => Number.isInteger(value);

function isTextInput(value: unknown): boolean {
  if (typeof value === "string") return value.length > 0;
  if (!Array.isArray(value) || value.length === 0) return false;
  const first: unknown = value[0];
  if (typeof first === "number") return value.every(isToken);
  if (value.length > LIMITS.embeddingInputsMax) return false;
  if (typeof first === "string") return value.every((text) => typeof text === "string" && text.length > 0);
  return value.every((tokens) => Array.isArray(tokens) && tokens.length > 0 && tokens.every(isToken));
}

const tokens = { type: "array", minItems: 1, items: { type: "integer" } };

/** Checked by hand in one pass: a token-array input may hold a million numbers, and a union would walk them four times. */
export const TextInput = z
  .unknown()
  .refine(isTextInput, {
    error: `a non-empty string, at most ${LIMITS.embeddingInputsMax} of them, or arrays of token ids`,
  })
  .meta({
    anyOf: [
      { type: "string", minLength: 1 },
      {
        type: "array",
        minItems: 1,
        maxItems: LIMITS.embeddingInputsMax,
        items: { type: "string", minLength: 1 },
      },
      tokens,
      { type: "array", minItems: 1, maxItems: LIMITS.embeddingInputsMax, items: tokens },
    ],
  }) as unknown as z.ZodType<TextInput>; // safe because: isTextInput accepts exactly these four shapes
