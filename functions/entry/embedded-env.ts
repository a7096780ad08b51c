import { z } from "zod";
import { JURISDICTIONS } from "../../shared/contracts/cell-directory.ts";
import { CellId } from "../../shared/contracts/ids.ts";
import { CELLS_VARIABLES } from "./cells-env.ts";
import { EnvUnusable, parseVariables } from "./env-unusable.ts";
import { BUCKET_VARIABLES, LEDGER_VARIABLES } from "./ledger-env.ts";
import { LOOPBACK_HOSTS } from "./listen-env.ts";
import { LOG_LEVELS } from "./log-sink.ts";
import { OBJECTS_VARIABLES } from "./objects-env.ts";
import { OTLP_VARIABLES } from "./otlp.ts";

const Env = z.object({
  HOST: z.string().min(1).default("127.0.0.1"),
  BAILIWICK_PORT_SHARED: z.enum(["0", "1"]).default("0"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8787),
  BAILIWICK_HOME: z.string().min(1).default(".bailiwick"),
  BAILIWICK_CONFIG: z.string().min(1).optional(),
  BAILIWICK_LOG: z.enum(LOG_LEVELS).default("warn"),
  BAILIWICK_DATABASE_URL: z
    .string()
    .regex(/^postgres(?:ql)?:\/\//)
    .optional(),
  BAILIWICK_CELL: CellId.default(CellId.parse("local")),
  BAILIWICK_JURISDICTION: z.enum(JURISDICTIONS).default("local"),
  BAILIWICK_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ""))
    .optional(),
  BAILIWICK_TENANT_EGRESS: z.enum(["public", "loopback"]).default("public"),
  TLS_CERT: z.string().min(1).optional(),
  TLS_KEY: z.string().min(1).optional(),
  ...CELLS_VARIABLES,
  ...LEDGER_VARIABLES,
  ...BUCKET_VARIABLES,
  ...OTLP_VARIABLES,
  ...OBJECTS_VARIABLES,
});

/** What the embedded cell is told by its environment, parsed once. */
export type EmbeddedEnv = Readonly<z.infer<typeof Env>>;

/** Throws `EnvUnusable` with the names of the variables that are wrong. */
export function readEmbeddedEnv(variables: Readonly<Record<string, string | undefined>>): EmbeddedEnv {
  const env = parseVariables(Env, variables);
  if ((env.TLS_CERT === undefined) !== (env.TLS_KEY === undefined))
    throw new EnvUnusable("TLS_CERT and TLS_KEY go together");
  // Whoever may call such a cell may have it call this machine.
  if (env.BAILIWICK_TENANT_EGRESS === "loopback" && !LOOPBACK_HOSTS.includes(env.HOST))
    throw new EnvUnusable("BAILIWICK_TENANT_EGRESS=loopback is for cells that listen on loopback alone");
  return Object.freeze(env);
}
