import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { embeddedBatchStore } from "../../durable/batch/embedded.ts";
import { batchObjectClass } from "../../durable/batch/object-class.ts";
import { cellClass } from "../../durable/cell/core.ts";
import { embeddedCellPolicies, embeddedCellStore } from "../../durable/cell/embedded.ts";
import { openEmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { policyStore } from "../../durable/runtime/policy-layers.ts";
import { sessionClass } from "../../durable/session/core.ts";
import { embeddedSessionStore } from "../../durable/session/embedded.ts";
import { embeddedTaskStore } from "../../durable/task/embedded.ts";
import { taskObjectClass } from "../../durable/task/object-class.ts";
import { sweep } from "../../durable/tenant/core.ts";
import { embeddedTenantPolicies, embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { systemClock } from "../../functions/adapters/clock/system.ts";
import { bundledConfigSource } from "../../functions/adapters/config-source/bundled.ts";
import { absentControlDb } from "../../functions/adapters/control-db/absent.ts";
import { controlRepository } from "../../functions/adapters/control-db/repository.ts";
import { fetchedExchange } from "../../functions/adapters/egress/fetched-exchange.ts";
import { randomIds } from "../../functions/adapters/ids/random.ts";
import { secretKeyring } from "../../functions/adapters/keyring/secret.ts";
import { memoryRateLimiter } from "../../functions/adapters/rate-limit/memory.ts";
import { createApp } from "../../functions/app.ts";
import { snapshotCompiler } from "../../functions/config/compiler.ts";
import type { Socket, SocketHandler } from "../../functions/context.ts";
import type { Detachment } from "../../functions/detached/detach.ts";
import { firstKeys, provisionTenants } from "../../functions/entry/bootstrap.ts";
import { composeCell } from "../../functions/entry/compose.ts";
import { createLifecycle } from "../../functions/entry/lifecycle.ts";
import { OPERATIONS } from "../../functions/v1/index.ts";
import { mint } from "../../functions/v1/keys/mint.ts";
import type { Operation } from "../../functions/v1/operation.ts";
import { runHost } from "../../functions/v1/unattended/run-host.ts";
import { TaskId, TenantId } from "../../shared/contracts/ids.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Egress } from "../../shared/contracts/ports/egress.ts";
import type { OutgoingJob } from "../../shared/contracts/ports/job-queue.ts";
import { laterRunner, type Runner } from "../../shared/contracts/ports/runner.ts";
import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import type { TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { type WorkerChannel, WorkerChannels } from "../../shared/contracts/ports/worker-channel.ts";
import { JobMessage } from "../../shared/contracts/worker-protocol.ts";
import { statementKey, statementSigner } from "../../shared/crypto/policy-statement.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";

const CELL = { id: "local", jurisdiction: "local", region: "local" };
const FILES = {
  "providers.yml":
    "providers: { near: { kind: openai, base_url: 'http://127.0.0.1:1/v1', locality: local, dialects: [openai.chat], breaker: { failures: 1000 } } }",
  "models.yml": `models:
  direct: { provider: near, model: direct, prices: { input: '1', output: '2' } }
  queued: { provider: near, model: queued, lane: queue, prices: { input: '1', output: '2' } }`,
  "policies.yml": "rates: { key: { per_minute: 1000000, burst: 1000000 }, user: null, preauth_per_minute: 1000000 }",
  "tenants.yml": "tenants: { default: { privacy: allow-api, content: store } }",
};

/** A channel that no engine of these cells uses: what they ask answers at once. */
const UNUSED: WorkerChannel = {
  pool: "near",
  synthetic: false,
  execute: () => Promise.reject(new Error("unused")),
};

export type DetachedCell = Awaited<ReturnType<typeof detachedCell>>;

/**
 * The real application over embedded objects, whose engine a test speaks for. Calls for `queued` wait until the test takes
 * them as a worker would; calls with `x-detach` live on without their caller.
 */
export async function detachedCell(
  upstream: (body: JsonObject, signal: AbortSignal | null) => Promise<Response>,
  tenantEgress: Partial<Pick<Egress, "tenantMayName" | "tenantPost">> = {},
) {
  const home = mkdtempSync(join(tmpdir(), "bailiwick-detached-"));
  const clock = systemClock;
  const ids = randomIds(clock);
  const tenantClass = tenantObjectClass(null);
  const composed = Promise.withResolvers<Runner>();
  const jobs: OutgoingJob[] = [];
  const arrived: (() => void)[] = [];
  const queue = {
    async send(job: OutgoingJob) {
      jobs.push(job);
      for (const wake of arrived.splice(0)) wake();
    },
  };
  const taskClass = taskObjectClass({ runner: laterRunner(() => composed.promise), queue });
  const batchClass = batchObjectClass(null);
  const failures: unknown[] = [];
  const objects = openEmbeddedHost({
    ...{ home, clock, ids, classes: [tenantClass, sessionClass, taskClass, batchClass, cellClass] },
    onError: (cause) => void failures.push(cause),
  });
  const config = bundledConfigSource(
    Object.fromEntries(Object.entries(FILES).map(([name, text]) => [name, parse(text)])),
    snapshotCompiler({ cell: CELL, secretsPresent: () => true, variable: () => null }),
  );
  const root = ids.bytes(32);
  const sign = statementSigner(CELL.id, statementKey(root));
  const tenantStore = embeddedTenantStore(objects, tenantClass);
  const taskStore = embeddedTaskStore(objects, taskClass);
  const settled: { task: string; status: string; ok: boolean }[] = [];
  const faults: { tasks: Partial<TaskStore>; tenants: Partial<TenantStore> } = { tasks: {}, tenants: {} };
  const settle: TenantStore["settle"] = async (tenant, requests) => {
    const outcomes = await (faults.tenants.settle ?? tenantStore.settle)(tenant, requests);
    requests.forEach(({ task, status }, at) => {
      settled.push({ task, status, ok: outcomes[at]?.ok === true });
    });
    return outcomes;
  };
  const logged: string[] = [];
  const channels = new WorkerChannels();
  const lifecycle = createLifecycle();
  const upstreamCalls: JsonObject[] = [];
  const tasks = new Proxy(taskStore, {
    get: (store, name: keyof TaskStore) => faults.tasks[name] ?? store[name],
  });
  const tenants = new Proxy<TenantStore>(
    { ...tenantStore, settle },
    { get: (store, name: keyof TenantStore) => (name === "settle" ? settle : (faults.tenants[name] ?? store[name])) },
  );
  const { deps, runner } = composeCell({
    cell: { ...CELL, endpoint: "http://127.0.0.1:8787", release: "test", loopback: true },
    ...{ clock, ids, config, tasks, lifecycle },
    tenants,
    sessions: embeddedSessionStore(objects),
    batches: embeddedBatchStore(objects, batchClass),
    cellStore: embeddedCellStore(objects, { cell: CELL.id, region: CELL.region, release: "test" }),
    policies: policyStore({
      cell: embeddedCellPolicies(objects, { cell: CELL.id, region: CELL.region, release: "test" }, sign),
      tenant: embeddedTenantPolicies(objects, tenantClass, sign),
    }),
    defer: (work) => void work,
    keyring: await secretKeyring([root], clock),
    control: controlRepository({ db: absentControlDb, clock }),
    controlDb: absentControlDb,
    preauth: memoryRateLimiter({ perMinute: () => 1_000_000, keysMax: 10 }, clock),
    telemetry: createTelemetry({
      ...{ service: "test", cell: CELL.id, exporter: null, clock, ids },
      sink: (line) => void logged.push(line),
      sample: { ratio: 0, followParent: false },
    }),
    dependencies: [],
    degraded: () => [],
    pools: { enrolment: null },
    egress: {
      tenantGet: () => Promise.reject(new Error("unused")),
      tenantMayName: () => false,
      tenantPost: () => Promise.reject(new Error("unused")),
      operatorFetch: () => Promise.reject(new Error("unused")),
      exchange: fetchedExchange((_url, init) => {
        const body = JSON.parse(String(init.body)) as JsonObject; // safe because: engines send JSON objects
        upstreamCalls.push(body);
        return upstream(body, init.signal ?? null);
      }),
      ...tenantEgress,
    },
    readSecret: () => null,
    version: "0.0.0",
  });
  const detachment: Detachment = { callback_url: null, reply: null };
  const operations = OPERATIONS.map((operation): Operation => {
    if (operation.surface === undefined) return operation;
    return {
      ...operation,
      execute(inner, call) {
        if (call.headers.get("x-detach") !== null) call.detach = detachment;
        return operation.execute(inner, call);
      },
    };
  });
  const host = runHost(deps, operations, { channels, awaited: false });
  composed.resolve({ ...runner, ...host });
  const handle = createApp(deps, operations);
  const tenant = TenantId.parse("default");
  const [api, admin] = [mint(deps, tenant), mint(deps, tenant)];
  await provisionTenants(deps, config.current(), { tenant, keys: firstKeys(api, admin) });

  const ask = (path: string, body: JsonObject | null, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    Promise.resolve(
      handle(
        new Request(`http://127.0.0.1:8787${path}`, {
          method: body === null ? "GET" : "POST",
          headers: {
            authorization: `Bearer ${body === null ? admin.text : api.text}`,
            ...(body === null ? {} : { "content-type": "application/json" }),
            ...headers,
          },
          ...(body === null ? {} : { body: JSON.stringify(body) }),
        }),
        {
          source: null,
          disconnected: signal ?? new AbortController().signal,
          defer: (work) => void work.catch((cause: unknown) => failures.push(cause)),
        },
      ),
    );
  return {
    ...{ ask, deps, host, runner, jobs, settled, faults, failures, logged, lifecycle, tenant, upstreamCalls },
    /** What a client of the cell is given: `fetch`, and the key that asks. */
    client: {
      apiKey: api.text,
      fetch: async (url: string | URL | Request, init?: RequestInit): Promise<Response> =>
        handle(new Request(url, init), {
          source: null,
          disconnected: init?.signal ?? new AbortController().signal,
          defer: (work) => void work.catch((cause: unknown) => failures.push(cause)),
        }),
    },
    /** The next job that reaches the queue, as its task. */
    async nextTask(): Promise<TaskId> {
      if (jobs.length === 0) await new Promise<void>((resolve) => arrived.push(resolve));
      const job = jobs.shift();
      const { context } = JobMessage.parse(JSON.parse(job?.body ?? "{}"));
      return TaskId.parse(JSON.parse(context).task);
    },
    /** Takes a task as a worker does whose connection holds until `lost` aborts. */
    take: (task: TaskId, options: { lost?: AbortSignal; held?: boolean; message?: string } = {}) =>
      host.take(tenant, task, {
        channel: UNUSED,
        lost: options.lost ?? new AbortController().signal,
        held: options.held ?? false,
        ...(options.message === undefined ? {} : { message: options.message }),
      }),
    /** Frames of a task's log and its end, read from the store. */
    async log(task: TaskId): Promise<{ frames: number; end: string | null; attempts: number }> {
      const state = await taskStore.detached(tenant, task);
      if (!state.ok) throw new Error(state.error.reason);
      const { frames, end, attempts } = state.value;
      return { frames, end, attempts };
    },
    task: async (id: string) => (await (await ask(`/v1/tasks/${id}`, null)).json()) as JsonObject, // safe because: the operation's own schema
    /** As its host asks for a connection that is to become a socket; `take` gets what accepts it. */
    upgrade: (
      path: string,
      headers: Record<string, string>,
      take: (accept: (socket: Socket) => SocketHandler) => void,
    ): Promise<Response> =>
      Promise.resolve(
        handle(
          new Request(`http://127.0.0.1:8787${path}`, {
            headers: { authorization: `Bearer ${api.text}`, upgrade: "websocket", ...headers },
          }),
          {
            source: null,
            disconnected: new AbortController().signal,
            defer: (work) => void work.catch((cause: unknown) => failures.push(cause)),
            upgrade(_protocol, accept) {
              take(accept);
              return new Response(null);
            },
          },
        ),
      ),
    /** A task that waits for a worker. */
    async waitingTask(): Promise<string> {
      const response = await ask("/v1/tasks", { intent: "chat", model: "queued", input: "hi" });
      const { task_id: id } = (await response.json()) as JsonObject; // safe because: the operation's own schema
      return String(id);
    },
    /** What the tenant's object does when its alarm goes off in so long. */
    tenantAlarmIn: (ms: number) =>
      objects.call(tenantClass, tenant, (sql, env) => sweep(sql, { ...env, now: env.now + ms })),
    /** What the cell's faults stand before. */
    store: taskStore,
    /** Asks as an operator of the cell. */
    asOperator: (path: string, method: string, body: JsonObject) =>
      Promise.resolve(
        handle(
          new Request(`http://127.0.0.1:8787${path}`, {
            method,
            headers: { authorization: `Bearer ${admin.text}`, "content-type": "application/json" },
            body: JSON.stringify(body),
          }),
          { source: null, disconnected: new AbortController().signal, defer: (work) => void work },
        ),
      ),
    /** Revokes the key that asked. */
    async revoke(): Promise<void> {
      const response = await Promise.resolve(
        handle(
          new Request(`http://127.0.0.1:8787/v1/keys/${api.kid}`, {
            method: "DELETE",
            headers: { authorization: `Bearer ${admin.text}` },
          }),
          { source: null, disconnected: new AbortController().signal, defer: (work) => void work },
        ),
      );
      if (!response.ok) throw new Error(await response.text());
    },
    async close() {
      await objects.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
