import { z } from "zod";
import { PROTOCOL } from "../../durable/remote/http-protocol.ts";
import { JURISDICTIONS } from "../../shared/contracts/cell-directory.ts";
import { CellId } from "../../shared/contracts/ids.ts";
import { decodeBase64url } from "../../shared/crypto/base64url.ts";
import { readEdgeKey } from "../../shared/crypto/edge-token.ts";
import { CELLS_VARIABLES } from "./cells-env.ts";
import { EnvUnusable, parseVariables } from "./env-unusable.ts";
import { hostSecret } from "./host.ts";
import { LOOPBACK_HOSTS } from "./listen-env.ts";
import { LOG_LEVELS } from "./log-sink.ts";
import { OTLP_VARIABLES } from "./otlp.ts";

const SECRET = /^(env|file):(.+)$/s;
const secret = z.string().transform((text, issues) => {
  const [, source, name] = SECRET.exec(text) ?? [];
  if ((source === "env" || source === "file") && name !== undefined) return { source, name } as const;
  issues.addIssue("not env:NAME or file:/path");
  return z.NEVER;
});
const base = z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, ""));
const DRAIN_NOTICE_MS_MAX = 120_000;

const Env = z.object({
  HOST: z.string().min(1).default("127.0.0.1"),
  BAILIWICK_PORT_SHARED: z.enum(["0", "1"]).default("0"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8787),
  BAILIWICK_OBJECTS_URL: base,
  BAILIWICK_EDGE_KEY: secret,
  BAILIWICK_ROOT_SECRET: secret,
  BAILIWICK_WORKER_SECRET: secret.optional(),
  BAILIWICK_CONFIG: z.string().min(1).optional(),
  BAILIWICK_LOG: z.enum(LOG_LEVELS).default("warn"),
  BAILIWICK_CELL: CellId.default(CellId.parse("local")),
  BAILIWICK_JURISDICTION: z.enum(JURISDICTIONS).default("local"),
  BAILIWICK_ENDPOINT: base.optional(),
  BAILIWICK_TENANT_EGRESS: z.enum(["public", "loopback"]).default("public"),
  BAILIWICK_DRAIN_NOTICE_MS: z.coerce.number().int().min(0).max(DRAIN_NOTICE_MS_MAX).default(0),
  BAILIWICK_OBJECTS_VERSION_MAX: z.coerce.number().int().min(PROTOCOL.min).optional(),
  TLS_CERT: z.string().min(1).optional(),
  TLS_KEY: z.string().min(1).optional(),
  ...CELLS_VARIABLES,
  ...OTLP_VARIABLES,
});

/** What an edge without objects of its own is told by its environment, parsed once, with the secrets that it names. */
export type EdgeEnv = Readonly<z.infer<typeof Env>> & {
  readonly secrets: { readonly edge: Uint8Array; readonly root: Uint8Array; readonly workers: string | null };
};

/** Throws `EnvUnusable` with the names of the variables that are wrong, or that name a secret which is not there. */
export function readEdgeEnv(variables: Readonly<Record<string, string | undefined>>): EdgeEnv {
  const env = parseVariables(Env, variables);
  if ((env.TLS_CERT === undefined) !== (env.TLS_KEY === undefined))
    throw new EnvUnusable("TLS_CERT and TLS_KEY go together");
  if (env.BAILIWICK_TENANT_EGRESS === "loopback" && !LOOPBACK_HOSTS.includes(env.HOST))
    throw new EnvUnusable("BAILIWICK_TENANT_EGRESS=loopback is for edges that listen on loopback alone");
  const { protocol, hostname } = new URL(env.BAILIWICK_OBJECTS_URL);
  if (protocol === "http:" && !LOOPBACK_HOSTS.includes(hostname.replace(/^\[|\]$/g, "")))
    throw new EnvUnusable("BAILIWICK_OBJECTS_URL: plain http is for this machine alone");
  const edge = readEdgeKey(hostSecret(variables, env.BAILIWICK_EDGE_KEY) ?? "");
  const root = decodeBase64url(hostSecret(variables, env.BAILIWICK_ROOT_SECRET) ?? "");
  const workers = env.BAILIWICK_WORKER_SECRET ? hostSecret(variables, env.BAILIWICK_WORKER_SECRET) : null;
  const missing = [
    ...(edge === null ? ["BAILIWICK_EDGE_KEY"] : []),
    ...(root?.length === 32 ? [] : ["BAILIWICK_ROOT_SECRET"]),
    ...(env.BAILIWICK_WORKER_SECRET && workers === null ? ["BAILIWICK_WORKER_SECRET"] : []),
  ];
  if (edge === null || !root || missing.length > 0)
    throw new EnvUnusable(`not a secret of 32 bytes, or not there: ${missing.join(", ")}`);
  return Object.freeze({ ...env, secrets: { edge, root, workers } });
}
