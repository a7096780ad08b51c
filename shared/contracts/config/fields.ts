import { z } from "zod";
import { LIMITS } from "../limits.ts";
import type { SecretRef } from "./snapshot.ts";

export const ProviderName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, "a provider name: lower-case letters, digits and dashes, at most 32");
/** A pool's name becomes part of its queues' names. */
export const PoolName = z
  .string()
  .max(LIMITS.queuePoolCharsMax)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, "a pool name: lower-case letters, digits and inner dashes, at most 24");
export const ModelId = z.string().regex(/^[\x21-\x7e]{1,200}$/, "a model id: 1 to 200 visible characters");
/** What callers write as `model`. */
export const AliasName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$/, "a model name: letters, digits and ._:/@-, at most 128");
export const IntentName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, "an intent name: lower-case letters, digits, _ and -, at most 64");
/** `<provider>:<model>`; the model may contain further colons. */
export const CandidateRef = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}:[\x21-\x7e]{1,200}$/, "a reference of the form provider:model");
export const Jurisdiction = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, "a jurisdiction: lower-case letters, digits and dashes");
export const Weight = z.number().positive().max(1_000_000);

export const splitRef = (ref: string): { provider: string; model: string } => {
  const colon = ref.indexOf(":");
  return { provider: ref.slice(0, colon), model: ref.slice(colon + 1) };
};

const SECRET_HELP = "a secret is named, never written here: use env:NAME or file:/absolute/path";
/** `env:NAME` or `file:/absolute/path`. A literal secret is refused, and the message does not repeat it. */
export const SecretReference = z.string({ error: SECRET_HELP }).transform((text, context): SecretRef => {
  const env = /^env:([A-Za-z_][A-Za-z0-9_]{0,127})$/.exec(text);
  if (env?.[1] !== undefined) return { source: "env", name: env[1] };
  const file = /^file:(\/[\x20-\x7e]{1,1023})$/.exec(text);
  if (file?.[1] !== undefined && !file[1].split("/").includes("..")) return { source: "file", name: file[1] };
  context.issues.push({ code: "custom", message: SECRET_HELP, input: null });
  return z.NEVER;
});

/** A timeout in milliseconds, at most `max`. */
export const timeoutMs = (max: number) => z.number().int().min(1).max(max);

/** USD as decimal text or as a number whose shortest form is one. */
const UsdText = z
  .union([z.string(), z.number()], { error: "an amount in USD, such as 0.15" })
  .transform((value) => String(value))
  .pipe(
    z
      .string()
      .regex(
        /^\d{1,6}(?:\.\d{1,12})?$/,
        "an amount in USD: plain decimal, at most 12 decimals; quote it when it is tiny",
      ),
  );
/** USD per million units → nano-dollars per unit: × 10⁹ ÷ 10⁶, by shifting the decimal point, so 0.15 is exactly 150. */
export const UsdPerMillion = UsdText.transform((text) => Number(`${text}e3`));
/** USD per unit → nano-dollars per unit. */
export const UsdPerUnit = UsdText.transform((text) => Number(`${text}e9`));
