import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { openEmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { sessionClass } from "../../durable/session/core.ts";
import { embeddedSessionStore } from "../../durable/session/embedded.ts";
import { embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { bundledConfigSource } from "../../functions/adapters/config-source/bundled.ts";
import { fetchedExchange } from "../../functions/adapters/egress/fetched-exchange.ts";
import { randomIds } from "../../functions/adapters/ids/random.ts";
import { secretKeyring } from "../../functions/adapters/keyring/secret.ts";
import { createApp } from "../../functions/app.ts";
import { snapshotCompiler } from "../../functions/config/compiler.ts";
import type { Deps, Runtime } from "../../functions/context.ts";
import { anthropicEngine } from "../../functions/engines/anthropic/engine.ts";
import { openaiEngine } from "../../functions/engines/openai/engine.ts";
import { bootstrapAttribution, firstKeys } from "../../functions/entry/bootstrap.ts";
import { createLifecycle } from "../../functions/entry/lifecycle.ts";
import { ContentKeys } from "../../functions/inference/content-keys.ts";
import { createRouterState } from "../../functions/inference/router-state.ts";
import { TenantCredentials } from "../../functions/inference/tenant-credentials.ts";
import { createAuthenticator } from "../../functions/pipeline/authenticate/authenticator.ts";
import { BodyRoom } from "../../functions/pipeline/body-room.ts";
import { OPERATIONS } from "../../functions/v1/index.ts";
import { mint } from "../../functions/v1/keys/mint.ts";
import type { Decided, Decision, PolicyInput } from "../../shared/contracts/decision.ts";
import { TenantId } from "../../shared/contracts/ids.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { ObligationOutcome } from "../../shared/contracts/policy/obligations.ts";
import type { Egress } from "../../shared/contracts/ports/egress.ts";
import type { StoredResult } from "../../shared/contracts/ports/task-store.ts";
import { err, ok } from "../../shared/contracts/result.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { TestClock } from "./objects-home.ts";

const CELL = { id: "local", jurisdiction: "local", region: "local" };
const FILES = {
  "providers.yml": `providers:
  pool: { kind: openai, base_url: 'http://127.0.0.1:1/v1', locality: local }
  far: { kind: openai, base_url: 'https://far.example.com/v1', locality: api, jurisdiction: eu }
  says: { kind: anthropic, base_url: 'http://127.0.0.1:3', locality: local }`,
  "models.yml": `models:
  near:
    provider: pool
    model: near-1
    prices: { input: '1', output: '2' }
    capabilities: [chat, completions, embeddings, tools, vision, structured_output]
  far: { provider: far, model: far-1, prices: { input: '1', output: '2' } }
  say: { provider: says, model: say-1, prices: { input: '1', output: '2' } }
  any: { candidates: ['pool:near-1', 'far:far-1'] }`,
  "policies.yml": "rates: { key: { per_minute: 1000000, burst: 1000000 }, user: null, preauth_per_minute: 1000000 }",
};

/** What an engine answers; a list is a stream of SSE frames. */
export type Upstream = (url: string, body: JsonObject) => JsonObject | readonly string[];

export type ObligedCell = Awaited<ReturnType<typeof obligedCell>>;

/** The real application over embedded objects, with engines and a policy that a test speaks for. */
export async function obligedCell(upstream: Upstream) {
  const home = mkdtempSync(join(tmpdir(), "bailiwick-obliged-"));
  const clock = new TestClock();
  const ids = randomIds(clock);
  const tenantClass = tenantObjectClass(null);
  const objects = openEmbeddedHost({
    home,
    clock,
    ids,
    classes: [tenantClass, sessionClass],
    onError: (cause) => {
      throw cause;
    },
  });
  const config = bundledConfigSource(
    Object.fromEntries(Object.entries(FILES).map(([name, text]) => [name, parse(text)])),
    snapshotCompiler({ cell: CELL, secretsPresent: () => true, variable: () => null }),
  );
  const logged: string[] = [];
  const telemetry = createTelemetry({
    service: "test",
    cell: CELL.id,
    sink: (line) => void logged.push(line),
    exporter: null,
    clock,
    ids,
    sample: { ratio: 0, followParent: false },
  });
  const results = new Map<string, StoredResult>();
  const asked: { url: string; body: JsonObject }[] = [];
  const egress: Egress = {
    tenantGet: () => Promise.reject(new Error("unused")),
    tenantMayName: () => false,
    tenantPost: () => Promise.reject(new Error("unused")),
    operatorFetch: () => Promise.reject(new Error("unused")),
    exchange: fetchedExchange(async (url, init) => {
      const body = JSON.parse(String(init.body)) as JsonObject; // safe because: engines send JSON objects
      asked.push({ url, body });
      const answer = upstream(url, body);
      return Array.isArray(answer)
        ? new Response(answer.join(""), { headers: { "content-type": "text/event-stream" } })
        : Response.json(answer);
    }),
  };
  const keyring = await secretKeyring([ids.bytes(32)], clock);
  const tenants = embeddedTenantStore(objects, tenantClass);
  const sessions = embeddedSessionStore(objects);
  const cell = { ...CELL, endpoint: "http://127.0.0.1", release: "test", loopback: true };
  const state = {
    decision: {} as Partial<Decision>,
    input: null as PolicyInput | null,
    /** What policy says of one resource of a list. */
    ofResource: (_input: PolicyInput): Partial<Decision> => ({}),
    /** How many resources it was asked about at once. */
    listed: [] as number[],
  };
  const deps = {
    cell,
    clock,
    ids,
    config,
    tenants,
    sessions,
    tasks: {
      async putResult(tenant: string, task: string, result: StoredResult) {
        results.set(`${tenant}/${task}`, result);
      },
      async result(tenant: string, task: string) {
        const stored = results.get(`${tenant}/${task}`);
        return stored ? ok(stored) : err({ reason: "not_found" });
      },
      // Nothing here is made in the background.
      detached: async () => err({ reason: "not_found" }),
    },
    keyring,
    telemetry,
    policy: {
      async decide(input: PolicyInput): Promise<Decided> {
        if (input.action === "inference:invoke") state.input = input;
        const obliged = ["inference:invoke", "session:read"].includes(input.action) ? state.decision : {};
        const decision: Decision = { decision: "ALLOW", reasons: ["test"], obligations: [], approvals: [], ...obliged };
        const digests = { policy_digest: "test", input_digest: "0".repeat(64), now_ns: "0" };
        return { id: ids.mint("dec"), decision, layers: [], ...digests };
      },
      async decideMany(inputs: readonly PolicyInput[]): Promise<Decided[]> {
        state.listed.push(inputs.length);
        return inputs.map((input) => {
          const decision: Decision = { decision: "ALLOW", reasons: ["test"], obligations: [], approvals: [] };
          const digests = { policy_digest: "test", input_digest: "0".repeat(64), now_ns: "0" };
          return { id: ids.mint("dec"), decision: { ...decision, ...state.ofResource(input) }, layers: [], ...digests };
        });
      },
    },
    engine(snapshot: ReturnType<typeof config.current>, name: string) {
      const provider = snapshot.providers[name];
      if (!provider) return null;
      const options = { provider, egress, secret: null, clock };
      return provider.kind === "anthropic" ? anthropicEngine(options) : openaiEngine(options);
    },
    router: createRouterState(clock, Math.random),
    contentKeys: new ContentKeys(),
    tenantCredentials: new TenantCredentials(),
    authenticator: createAuthenticator({ cell, config, tenants, keyring, egress }),
    preauth: { take: async () => ({ allowed: true, retry_after_ms: 0 }) },
    bodies: new BodyRoom(64 * 1024 * 1024),
    lifecycle: createLifecycle(),
    dependencies: [],
    operation: (id: string) => OPERATIONS.find((operation) => operation.id === id) ?? null,
    degraded: () => [],
  } as unknown as Deps; // safe because: inference and stored reads touch no other port
  const handle = createApp(deps, OPERATIONS);
  const deferred: Promise<unknown>[] = [];
  const runtime: Runtime = {
    source: null,
    disconnected: new AbortController().signal,
    defer: (work) => void deferred.push(work),
  };
  let tenantsMade = 0;

  return {
    state,
    asked,
    logged,
    /** Of the cell: for what no operation of this cell makes. */
    tenants,
    sessions,
    clock,
    /** A tenant with one key; asks as it. */
    async tenant(content: "none" | "store" = "store") {
      const id = TenantId.parse(`t${++tenantsMade}`);
      const keys = [mint(deps, id), mint(deps, id)] as const;
      const by = bootstrapAttribution(cell, config.current().digest);
      await tenants.provision(id, {
        settings: { name: id, privacy: "allow-api", content, transit: "refused" },
        data_key: await keyring.createDataKey(id),
        keys: firstKeys(keys[0], keys[1]),
        budgets: [],
        by,
      });
      const ask = (path: string, body: JsonObject | null = null, headers: Record<string, string> = {}) =>
        Promise.resolve(
          handle(
            new Request(`http://127.0.0.1${path}`, {
              method: body === null ? "GET" : "POST",
              headers: {
                authorization: `Bearer ${keys[body === null ? 1 : 0].text}`,
                ...(body === null ? {} : { "content-type": "application/json" }),
                ...headers,
              },
              ...(body === null ? {} : { body: JSON.stringify(body) }),
            }),
            runtime,
          ),
        );
      return {
        id,
        ask,
        /** Kept decisions about one operation that have outcomes, newest first. */
        async outcomes(operation: string): Promise<ObligationOutcome[][]> {
          const found = await tenants.lookup(id, null);
          if (!found.ok) throw new Error(found.error.reason);
          const access = { kid: null, versions: { credential: 0, ...found.value.state.versions } };
          const page = await tenants.decisions(id, access, { limit: 100, before: null });
          if (!page.ok) throw new Error(page.error.reason);
          return page.value.decisions.flatMap(({ record, obligations }) =>
            obligations !== null && JSON.parse(record).operation === operation ? [obligations] : [],
          );
        },
        /** Ledger entries of one kind. */
        async entries(kind: string): Promise<{ detail: JsonObject }[]> {
          await Promise.all(deferred.splice(0));
          const page = (await (await ask("/v1/ledger?limit=100")).json()) as {
            data: { kind: string; detail: JsonObject }[];
          }; // safe because: the operation's own schema
          return page.data.filter((entry) => entry.kind === kind);
        },
      };
    },
    async close() {
      await objects.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
