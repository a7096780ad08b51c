import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll } from "vitest";
import { type Cell, type CellRuntime, startCell } from "./cell.ts";
import { startQueues } from "./fauxqs.ts";
import { startNeonProxy } from "./neon-proxy.ts";
import { BUNDLE_SECRET } from "./policy-bundle.ts";
import { postgresBinaries, startPostgres } from "./postgres.ts";
import { testConfig } from "./test-config.ts";
import { Upstream } from "./upstream.ts";

export const TEST_UPSTREAM_KEY = "canary-upstream-key-71c5e0";

export interface Tenant {
  id: string;
  /** Administrator of this tenant, not of the cell. */
  adminKey: string;
  /** A developer of this tenant. */
  apiKey: string;
}

/** A cell, its engine and the means to ask it things as somebody. */
export interface Lab {
  readonly cell: Cell;
  readonly upstream: Upstream;
  /** Reached over TLS, so that it may be an `api` provider. */
  readonly remote: Upstream;
  /** A tenant that no other test knows. */
  newTenant(settings?: { privacy?: string; content?: string }): Promise<Tenant>;
  /** A tenant of the configuration, with new keys. */
  configuredTenant(id: string): Promise<Tenant>;
  newKey(tenant: Tenant, spec?: Record<string, unknown>): Promise<{ id: string; secret: string }>;
  /** Asks the cell; `body` is sent as JSON unless it is text or bytes. */
  ask(path: string, options?: Ask): Promise<Response>;
  /** Like `ask`, and answers the body; throws unless the status is 2xx. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests assert what they read
  json(path: string, options?: Ask): Promise<any>;
  openai(key: string, options?: Partial<ConstructorParameters<typeof OpenAI>[0]>): OpenAI;
  anthropic(key: string): Anthropic;
  // biome-ignore lint/suspicious/noExplicitAny: the tests assert what they read
  task(tenant: Tenant, id: string): Promise<any>;
}

export interface Ask {
  key?: string;
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** For cells whose test needs no control database: nothing listens there, so none boots. */
export const WITHOUT_DATABASE = { BAILIWICK_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" } as const;

export interface LabOptions {
  runtime: CellRuntime;
  /** So many edges in processes of their own (`CellOptions`). */
  edges?: number;
  /** Further variables of the cell. */
  env?: Record<string, string>;
  /** Changes to the configuration files. */
  config?(files: Record<string, string>, upstream: Upstream): Record<string, string>;
}

/** Upstreams and cell, started now; `stop` drains the cell, answers its exit code and ends the upstreams. */
export async function startLab({
  runtime,
  edges,
  env = {},
  config = (files) => files,
}: LabOptions): Promise<Lab & { stop(): Promise<number | null> }> {
  const upstream = await new Upstream().start();
  const remote = await new Upstream({ tls: true }).start();
  const endUpstreams = () => Promise.all([upstream.stop(), remote.stop()]);
  const cell = await startCell({
    runtime,
    ...(edges === undefined ? {} : { edges }),
    config: config(testConfig({ local: upstream.url, api: remote.url }), upstream),
    env: { TEST_UPSTREAM_KEY, TEST_BUNDLE_SECRET: BUNDLE_SECRET, ...env },
    trusted: join(import.meta.dirname, "tls/authority.crt"),
  }).catch(async (cause: unknown) => {
    await endUpstreams();
    throw cause;
  });
  const lab = labOver(
    () => cell,
    () => upstream,
    () => remote,
  );
  return Object.assign(lab, {
    async stop() {
      const code = await cell.stop();
      await endUpstreams();
      return code;
    },
  });
}

/**
 * The control database of a workerd cell, which has none of its own: PostgreSQL behind Neon's HTTP protocol. Null, said
 * on standard error, where this machine has no PostgreSQL.
 */
export async function workerdDatabase(): Promise<{ env: Record<string, string>; stop(): Promise<void> } | null> {
  const bin = postgresBinaries();
  if (bin === null) {
    process.stderr.write("skipped on workerd: rows that need a control database (no PostgreSQL on this machine)\n");
    return null;
  }
  const postgres = await startPostgres(bin);
  await postgres.sql("create role cell_owner login createrole");
  const connection = await postgres.database("control", "cell_owner");
  const proxy = await startNeonProxy();
  return {
    // The SDK insists on a password; the cluster trusts loopback.
    env: { NEON_DATABASE_URL: connection.replace("@", ":trusted@"), NEON_FETCH_ENDPOINT: proxy.endpoint },
    async stop() {
      await proxy.close();
      await postgres.stop();
    },
  };
}

/** What a runtime has to be given from outside for a whole cell: workerd brings no database and no queues. */
export async function startSurroundings(
  runtime: CellRuntime,
): Promise<{ env: Record<string, string>; stop(): Promise<void> }> {
  if (runtime !== "workerd") return { env: {}, stop: async () => {} };
  const [database, queues] = [await workerdDatabase(), await startQueues("local")];
  return {
    env: { ...database?.env, ...queues.env },
    async stop() {
      await database?.stop();
      await queues.stop();
    },
  };
}

/** The same before the tests of a file, and stopped after them. Members are usable inside tests only. */
export function createLab(runtime: CellRuntime, edges?: number): Lab {
  let started: Awaited<ReturnType<typeof startLab>> | undefined;
  let surroundings: Awaited<ReturnType<typeof startSurroundings>> | undefined;
  beforeAll(async () => {
    surroundings = await startSurroundings(runtime);
    const { env } = surroundings;
    started = await startLab({ runtime, ...(edges === undefined ? {} : { edges }), env });
  });
  afterAll(async () => {
    await started?.stop();
    await surroundings?.stop();
  });
  const lab = () => started ?? fail("the cell");
  return labOver(
    () => lab().cell,
    () => lab().upstream,
    () => lab().remote,
  );
}

const fail = (what: string): never => {
  throw new Error(`${what} has not started`);
};

/** The same over a cell that a test starts itself. */
export function labOver(cell: () => Cell, upstream: () => Upstream, remote: () => Upstream): Lab {
  const lab: Lab = {
    get cell() {
      return cell();
    },
    get upstream() {
      return upstream();
    },
    get remote() {
      return remote();
    },
    async configuredTenant(id) {
      const make = (roles: string[]) =>
        lab.json("/v1/keys", { key: lab.cell.adminKey, headers: { "x-tenant": id }, body: { name: "test", roles } });
      const [admin, developer] = [await make(["admin"]), await make(["developer"])];
      return { id, adminKey: admin.secret, apiKey: developer.secret };
    },
    async newTenant({ privacy = "allow-api", content = "store" } = {}) {
      const body = { name: "Test", privacy, content };
      const created = await lab.json("/v1/tenants", { key: lab.cell.adminKey, body });
      const tenant = { id: created.id, adminKey: created.admin_key.secret, apiKey: "" };
      return { ...tenant, apiKey: (await lab.newKey(tenant)).secret };
    },
    newKey: (tenant, spec = {}) =>
      lab.json("/v1/keys", { key: tenant.adminKey, body: { name: "test", roles: ["developer"], ...spec } }),
    ask(path, { key, method, body, headers = {}, signal } = {}) {
      const raw = typeof body === "string" || body instanceof Uint8Array;
      return fetch(`${lab.cell.url}${path}`, {
        method: method ?? (body === undefined ? "GET" : "POST"),
        headers: {
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: raw ? (body as BodyInit) : JSON.stringify(body) }), // safe because: text and bytes are bodies
        ...(signal ? { signal } : {}),
      });
    },
    async json(path, options) {
      const response = await lab.ask(path, options);
      const text = await response.text();
      if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
      return text === "" ? null : JSON.parse(text);
    },
    openai: (apiKey, options = {}) => new OpenAI({ apiKey, baseURL: `${lab.cell.url}/v1`, maxRetries: 0, ...options }),
    anthropic: (apiKey) => new Anthropic({ apiKey, baseURL: lab.cell.url, maxRetries: 0 }),
    task: (tenant, id) => lab.json(`/v1/tasks/${id}`, { key: tenant.apiKey }),
  };
  return lab;
}

/** Asks again until `seen` accepts what it answers; for what the cell does after its answer, on machines that do much else. */
export async function eventually<T>(ask: () => Promise<T>, seen: (value: T) => boolean, withinMs = 30_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (seen(value) || Date.now() > deadline) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const user = (content: string) => ({ role: "user" as const, content });
let marks = 0;
/** Text that no other test sends: finds the requests of this test at the upstream. */
export const marker = (): string => `mark-${process.pid}-${++marks}-${Math.random().toString(36).slice(2)}`;

/** Everything an asynchronous iteration yields. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}
