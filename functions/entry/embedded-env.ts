import { z } from "zod";

const Env = z.object({
  HOST: z.string().min(1).default("127.0.0.1"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8787),
  BAILIWICK_HOME: z.string().min(1).default(".bailiwick"),
  BAILIWICK_CONFIG: z.string().min(1).optional(),
  BAILIWICK_LOG: z.enum(["debug", "info", "warn", "error"]).default("warn"),
  BAILIWICK_DATABASE_URL: z.string().min(1).optional(),
  TLS_CERT: z.string().min(1).optional(),
  TLS_KEY: z.string().min(1).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
});

/** What the embedded cell is told by its environment, parsed once. */
export type EmbeddedEnv = Readonly<z.infer<typeof Env>>;

/** Names of the variables that are wrong, never their values. */
export class EnvUnusable extends Error {
  override readonly name = "EnvUnusable";
}

export function readEmbeddedEnv(variables: Readonly<Record<string, string | undefined>>): EmbeddedEnv {
  const given = Object.fromEntries(
    Object.keys(Env.shape).flatMap((name) => (variables[name] ? [[name, variables[name]]] : [])),
  );
  const parsed = Env.safeParse(given);
  if (!parsed.success) {
    const names = [...new Set(parsed.error.issues.map((issue) => String(issue.path[0])))];
    throw new EnvUnusable(`not usable: ${names.join(", ")}`);
  }
  if ((parsed.data.TLS_CERT === undefined) !== (parsed.data.TLS_KEY === undefined))
    throw new EnvUnusable("TLS_CERT and TLS_KEY go together");
  return Object.freeze(parsed.data);
}
