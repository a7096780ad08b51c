/** One row of the import table in ARCHITECTURE.md: the table is the architecture, `test/tidy.test.ts` holds it. */
export interface ImportRule {
  /** Which files the row is about; the first row that matches a file is its only one. */
  files: RegExp;
  /** Project paths that these files may import. */
  may: readonly RegExp[];
  /** npm packages, besides the platform. */
  packages: readonly RegExp[];
  /** Modules of the runtime. */
  builtins: readonly RegExp[];
  /** Why, shown with a violation. */
  because: string;
}

const anyBuiltin = [/^node:/, /^cloudflare:/];
const contracts = /^shared\/contracts\//;
const crypto = /^shared\/crypto\//;
const telemetry = /^shared\/telemetry\//;
const oip = /^shared\/oip\//;
const timing = /^shared\/timing\//;
const noble = /^@noble\//;
/** Everything that decides; the named files are shells: they do I/O, keep time and deliver. */
export const DURABLE_CORES =
  /^durable\/(?!(?:runtime|remote)\/)([a-z-]+)\/(?!(?:object|object-class|remote|embedded|shedding|moving|remote-moving)\.ts$|watching\/)/;

export const IMPORT_TABLE: readonly ImportRule[] = [
  {
    files: contracts,
    may: [contracts],
    packages: [/^zod$/],
    builtins: [],
    because: "contracts stand alone: whoever reads them needs nothing else",
  },
  {
    files: /^shared\/(?:crypto|telemetry)\//,
    may: [contracts, crypto, telemetry],
    packages: [noble, /^jose$/, /^zod$/, /^@opentelemetry\/api$/],
    builtins: [],
    because:
      "crypto and telemetry reach nothing by themselves: no environment, no runtime modules; fetch and timers are given",
  },
  {
    files: timing,
    may: [timing],
    packages: [],
    builtins: [],
    because: "waiting needs the platform's clock and timers, and knows nothing of what waits",
  },
  {
    files: /^shared\/evidence\//,
    may: [contracts, crypto, /^shared\/evidence\//],
    packages: [/^zod$/],
    builtins: [],
    because: "verifying is a function of bytes and keys: it needs nothing of who wrote them, and no network",
  },
  {
    files: /^shared\/oip\//,
    may: [contracts, crypto, oip],
    packages: [/^zod$/],
    builtins: [],
    because: "tensors on the wire are functions of bytes: cell and workers speak the protocol by the same ones",
  },
  {
    files: /^shared\/job-queue\//,
    may: [contracts, crypto, /^shared\/job-queue\//],
    packages: [/^zod$/, /^@aws-sdk\/client-sqs$/],
    builtins: [/^node:(?:sqlite|fs|path)$/],
    because: "cell and workers share the queue: it knows contracts, one SDK and one file, and nothing of either side",
  },
  {
    files: /^policies\/engine\//,
    may: [contracts, /^policies\/engine\//],
    packages: [/^re2js$/, /^zod$/, /^yaml$/, /^graphql(?:\/|$)/, noble],
    builtins: [],
    because:
      "the policy engine is deterministic: no I/O, clock or randomness; its builtins take regular expressions, YAML, GraphQL and synchronous cryptography from packages that are pure too",
  },
  {
    files: /^policies\/bundle\//,
    may: [contracts, crypto, /^policies\/(?:engine|bundle)\//],
    packages: [/^jose$/, /^zod$/],
    builtins: [],
    because: "a bundle is opened by a function of its bytes, the keys and the instant; signatures are jose's",
  },
  {
    files: /^policies\/decide\//,
    may: [contracts, /^policies\/(?:engine|decide)\//],
    packages: [],
    builtins: [],
    because: "a decision is a function of the layers' answers: no I/O, clock or randomness",
  },
  {
    files: DURABLE_CORES,
    may: [
      /^durable\/\$own\/(?!(?:object|object-class|remote|embedded|shedding|moving|remote-moving)\.ts$|watching\/)/,
      /^durable\/runtime\//,
      contracts,
      crypto,
    ],
    packages: [noble, /^zod$/],
    builtins: [],
    because: "a core decides synchronously: it never reaches its shell, a framework, a clock or a runtime module",
  },
  {
    files: /^durable\/runtime\//,
    may: [/^durable\/runtime\//, /^shared\//],
    packages: [],
    builtins: anyBuiltin,
    because: "the durable runtime serves every object and knows none",
  },
  {
    files: /^durable\/remote\//,
    may: [
      /^durable\/(?:remote|runtime)\//,
      /^durable\/task\/watching\/log-wire\.ts$/,
      /^durable\/tenant\/shedding\.ts$/,
      /^shared\//,
    ],
    packages: [],
    builtins: [/^node:timers$/],
    because: "calls cross processes whatever they do: the ports' contracts are known here, and no object's decisions",
  },
  {
    files: /^durable\/([a-z-]+)\//,
    may: [/^durable\/\$own\//, /^durable\/runtime\//, /^shared\//, /^durable\/[a-z-]+\/remote\.ts$/],
    packages: [],
    builtins: anyBuiltin,
    because: "a shell performs its own core's intents and knows other objects only through their remote.ts",
  },
  {
    files: /^functions\/dialects\//,
    may: [contracts, /^functions\/dialects\//],
    packages: [/^zod$/],
    builtins: [],
    because: "dialects are pure functions between wire shapes",
  },
  {
    files: /^functions\/redaction\//,
    may: [contracts, /^functions\/redaction\//],
    packages: [],
    builtins: [],
    because: "redaction is a pure function of text: nothing that could keep or send what it reads",
  },
  {
    files: /^functions\/redaction\//,
    may: [contracts, crypto, /^functions\/redaction\//],
    packages: [/^zod$/, /^re2js$/],
    builtins: [],
    because: "redaction is a pure function over bodies",
  },
  {
    files: /^functions\/evidence\//,
    may: [contracts, crypto, /^functions\/evidence\//],
    packages: [/^zod$/],
    builtins: [],
    because: "evidence is built by functions of what is proven: reading a log and signing are its callers'",
  },
  {
    files: /^functions\/config\//,
    may: [contracts, crypto, /^functions\/config\//, /^functions\/redaction\/select-detectors\.ts$/],
    packages: [/^zod$/, /^yaml$/],
    builtins: [],
    because: "configuration is parsed by pure functions; adapters read the files",
  },
  {
    files: /^functions\/(?:v1|pipeline|inference|detached)\/|^functions\/(?:app|env|context|problem)\.ts$/,
    may: [
      contracts,
      crypto,
      telemetry,
      oip,
      timing,
      /^policies\/(?:engine|bundle|decide)\//,
      /^functions\/(?:v1|pipeline|inference|detached|dialects|redaction|evidence)\//,
      /^functions\/reference\/page\.ts$/,
      /^functions\/(?:app|env|context|problem)\.ts$/,
    ],
    packages: [/^zod$/, /^hono(?:\/|$)/, /^@hono\/zod-openapi$/, /^jose$/],
    builtins: [],
    because:
      "operations reach the world through ports: never an adapter, an entry, a durable object or the environment",
  },
  {
    files: /^functions\/cells\//,
    may: [
      contracts,
      crypto,
      telemetry,
      /^shared\/evidence\//,
      /^functions\/cells\//,
      /^functions\/pipeline\/(?:locate\/|(?:body-sent|room)\.ts$|authenticate\/(?:read-credential|offered-credential|refusal)\.ts$)/,
      /^functions\/(?:context|problem)\.ts$/,
    ],
    packages: [/^zod$/],
    builtins: [],
    because:
      "between cells there is routing alone: no operation, store or adapter is near a call that belongs elsewhere",
  },
  {
    files: /^functions\/engines\//,
    may: [
      contracts,
      crypto,
      telemetry,
      oip,
      timing,
      /^functions\/dialects\//,
      /^functions\/engines\/(?:\$own\/|upstream\/|[a-z-]+\.ts$)/,
    ],
    packages: [],
    builtins: [],
    because:
      "an engine adapts one provider over Egress: it knows dialects and the shared upstream call, no other engine",
  },
  {
    files: /^functions\/reference\//,
    may: [/^functions\/reference\//, crypto],
    packages: [],
    builtins: [],
    because: "the reference page is a document: its script runs in a browser",
  },
  {
    files: /^functions\/adapters\/policy\//,
    may: [contracts, crypto, telemetry, /^policies\//, /^functions\/config\//, /^functions\/adapters\/policy\//],
    packages: [],
    builtins: [],
    because: "the policy adapter keeps and asks policies; what they are and how they combine is in policies/",
  },
  {
    files: /^functions\/adapters\/(policy)(?:\/|\.ts$)/,
    may: [contracts, crypto, telemetry, /^policies\//, /^functions\/adapters\/\$own(?:\/|\.ts$)/],
    packages: [],
    builtins: [],
    because: "the policy adapter keeps layers and their freshness; deciding is the libraries' under policies/",
  },
  {
    files: /^functions\/adapters\/([a-z0-9-]+)(?:\/|\.ts$)/,
    may: [
      contracts,
      crypto,
      telemetry,
      /^functions\/dialects\//,
      /^functions\/config\//,
      /^functions\/adapters\/\$own(?:\/|\.ts$)/,
    ],
    packages: [/^(?!hono)/],
    builtins: anyBuiltin,
    because: "deleting an adapter must break only functions/entry: it imports contracts, one SDK and itself",
  },
  {
    files: /^functions\/entry\//,
    may: [/^(?!test\/)/],
    packages: [/^/],
    builtins: anyBuiltin,
    because: "entries compose the product, without tests",
  },
  {
    files: /^gpu-workers\//,
    may: [/^shared\//, /^gpu-workers\//],
    packages: [/^zod$/],
    builtins: anyBuiltin,
    because: "workers speak HTTP and queue only: nothing of functions or durable",
  },
  {
    files: /^infra\//,
    may: [/^(?!test\/)/],
    packages: [/^/],
    builtins: anyBuiltin,
    because: "tools may read the product, never the tests",
  },
];
