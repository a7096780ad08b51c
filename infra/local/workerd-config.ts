import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { ROOT } from "./command.mjs";

export const WORKERD_COMPATIBILITY = {
  date: "2026-11-01",
  /** `enable_request_signal`: the only way that a disconnect is seen on stock workerd. */
  flags: ["enable_request_signal"],
} as const;

interface Bindings {
  objects: Record<string, string>;
  services: Record<string, string>;
  text: Record<string, string>;
}
const BINDINGS: Bindings = JSON.parse(readFileSync(join(ROOT, "infra/local/environment.json"), "utf8")).workerd;

export interface WorkerdCell {
  host: string;
  port: number;
  /** Folder that holds the objects' databases. */
  state: string;
  /** Bundled module, relative to the configuration file. */
  module: string;
  /** Text bindings, by the names of `environment.json`. */
  text: Readonly<Record<string, string>>;
  /** Secrets that the configuration names as `env:NAME`. */
  secrets?: Readonly<Record<string, string>>;
  /** The signer entry as its own worker: its bundled module, relative to the configuration file, and its key document. */
  signer?: { module: string; keys: string };
  /** What stands beside the cell in the same workerd, such as a bucket. */
  beside?: WorkerdParts;
  /** PEM certificates that are trusted beside the browsers' list. */
  trusted?: readonly string[];
}

/** Cap'n Proto text of further services with their workers, of the cell's bindings to them, and of module extensions. */
export interface WorkerdParts {
  services: readonly string[];
  bindings: readonly string[];
  extensions: readonly string[];
  workers: string;
}

/** The worker as one module, resolved as wrangler does for a deployment. */
export async function bundleWorker(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [join(ROOT, entry)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2024",
    mainFields: ["browser", "module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    loader: { ".yml": "text" },
    sourcemap: "inline",
    logLevel: "error",
  });
}

/** Cap'n Proto text: JSON's escapes but for control characters. */
const quoted = (text: string): string =>
  JSON.stringify(text).replace(/\\(?:u00([0-9a-f]{2})|.)/g, (whole, hex) => (hex === undefined ? whole : `\\x${hex}`));

/**
 * Configuration of a whole cell on stock `workerd serve`: objects with SQLite on local disk; operator egress to any
 * address; tenant egress to public addresses only, decided by workerd on the connected address; the signer as a service
 * without a socket, a way out or any binding but its keys.
 * @throws Error for a text binding that `environment.json` does not name.
 */
export function workerdConfig(cell: WorkerdCell): string {
  const unknown = Object.keys(cell.text).filter((name) => !(name in BINDINGS.text));
  if (unknown.length > 0) throw new Error(`not in environment.json: ${unknown.join(", ")}`);
  const objects = Object.entries(BINDINGS.objects);
  const bindings = [
    ...objects.map(([name, className]) => `(name = ${quoted(name)}, durableObjectNamespace = ${quoted(className)})`),
    `(name = "PUBLIC_EGRESS", service = "public")`,
    ...(cell.signer ? [`(name = "SIGNER", service = (name = "signer", entrypoint = "Signer"))`] : []),
    ...(cell.beside?.bindings ?? []),
    ...Object.entries({ ...cell.secrets, ...cell.text }).map(
      ([name, text]) => `(name = ${quoted(name)}, text = ${quoted(text)})`,
    ),
  ];
  const namespaces = objects.map(
    ([, className]) =>
      `(className = ${quoted(className)}, uniqueKey = ${quoted(`bailiwick-${className}`)}, enableSql = true)`,
  );
  const tls = `tlsOptions = (trustBrowserCas = true, trustedCertificates = [${(cell.trusted ?? []).map(quoted).join(", ")}])`;
  const list = (items: readonly string[]) => items.map((item) => `\n    ${item},`).join("");
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "cell", worker = .cell),
    (name = "internet", network = (allow = ["public", "private"], ${tls})),
    (name = "public", network = (allow = ["public"], ${tls})),
    (name = "state", disk = (path = ${quoted(cell.state)}, writable = true)),${
      cell.signer
        ? `
    (name = "signer", worker = .signer),
    (name = "nowhere", network = (allow = [])),`
        : ""
    }${list(cell.beside?.services ?? [])}
  ],
  extensions = [${list(cell.beside?.extensions ?? [])}
  ],
  sockets = [(name = "http", address = ${quoted(`${cell.host}:${cell.port}`)}, http = (), service = "cell")],
);

const cell :Workerd.Worker = (
  modules = [(name = "cell.js", esModule = embed ${quoted(cell.module)})],
  compatibilityDate = ${quoted(WORKERD_COMPATIBILITY.date)},
  compatibilityFlags = [${WORKERD_COMPATIBILITY.flags.map(quoted).join(", ")}],
  globalOutbound = "internet",
  durableObjectStorage = (localDisk = "state"),
  durableObjectNamespaces = [${list(namespaces)}
  ],
  bindings = [${list(bindings)}
  ],
);
${cell.signer ? signerWorker(cell.signer) : ""}${cell.beside?.workers ?? ""}`;
}

const signerWorker = ({ module, keys }: { module: string; keys: string }): string => `
const signer :Workerd.Worker = (
  modules = [(name = "signer.js", esModule = embed ${quoted(module)})],
  compatibilityDate = ${quoted(WORKERD_COMPATIBILITY.date)},
  globalOutbound = "nowhere",
  bindings = [(name = "BAILIWICK_SIGNING_KEYS", text = ${quoted(keys)})],
);
`;
