import { z } from "zod";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { type ForwardingKey, forwardingKey } from "../../shared/crypto/forwarding.ts";
import { Redacted } from "../../shared/telemetry/redacted.ts";
import { DIRECTORY_VARIABLES } from "./cells-env.ts";
import { EnvUnusable, parseVariables } from "./env-unusable.ts";
import { LOG_LEVELS } from "./log-sink.ts";
import { OTLP_VARIABLES } from "./otlp.ts";

const KEYS_MAX = LIMITS.forwardingKeysMax * LIMITS.directoryCellsMax;
const forwardingKeys = (text: string, issues: { addIssue(message: string): void }): readonly ForwardingKey[] => {
  const keys = text.split(",").map(forwardingKey);
  const good = keys.filter((key) => key !== null);
  if (good.length === keys.length && good.length <= KEYS_MAX) return good;
  issues.addIssue("not keys of 32 bytes in base64url, with commas between");
  return z.NEVER;
};

/** What a global entry is told on every platform: nothing of any tenant. */
export const GLOBAL_VARIABLES = {
  ...DIRECTORY_VARIABLES,
  BAILIWICK_FORWARDING_KEYS: z
    .string()
    .transform(forwardingKeys)
    .default(() => []),
  BAILIWICK_LOG: z.enum(LOG_LEVELS).default("warn"),
  ...OTLP_VARIABLES,
  /** Hosts compute their own from the code that they run. */
  BAILIWICK_RELEASE: z.string().min(1).max(64).default("unknown"),
};

/** 32 bytes in base64url, or as many characters as nobody guesses. */
const METRICS_TOKEN_CHARS_MIN = 32;

const Env = z.object({
  HOST: z.string().min(1).default("127.0.0.1"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8790),
  TLS_CERT: z.string().min(1).optional(),
  TLS_KEY: z.string().min(1).optional(),
  BAILIWICK_METRICS_TOKEN: z
    .string()
    .min(METRICS_TOKEN_CHARS_MIN)
    .transform((text) => new Redacted(text))
    .optional(),
  ...GLOBAL_VARIABLES,
});
export type GlobalEnv = Readonly<z.infer<typeof Env>>;

/** Throws `EnvUnusable` with the names of the variables that are wrong or missing. */
export function readGlobalEnv(variables: Readonly<Record<string, unknown>>): GlobalEnv {
  const env = parseVariables(Env, variables);
  if ((env.TLS_CERT === undefined) !== (env.TLS_KEY === undefined))
    throw new EnvUnusable("TLS_CERT and TLS_KEY go together");
  if (env.BAILIWICK_DIRECTORY === undefined)
    throw new EnvUnusable("BAILIWICK_DIRECTORY: an entry knows no cell without it");
  return Object.freeze(env);
}

export const keysById = (keys: readonly ForwardingKey[]): ReadonlyMap<string, ForwardingKey> =>
  new Map(keys.map((key) => [key.kid, key]));
