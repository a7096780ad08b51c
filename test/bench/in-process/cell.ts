import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { embeddedBatchStore } from "../../../durable/batch/embedded.ts";
import { batchObjectClass } from "../../../durable/batch/object-class.ts";
import { cellClass } from "../../../durable/cell/core.ts";
import { embeddedCellPolicies, embeddedCellStore } from "../../../durable/cell/embedded.ts";
import { openEmbeddedHost } from "../../../durable/runtime/embedded-host.ts";
import { policyStore } from "../../../durable/runtime/policy-layers.ts";
import { sessionClass } from "../../../durable/session/core.ts";
import { embeddedSessionStore } from "../../../durable/session/embedded.ts";
import { embeddedTaskStore } from "../../../durable/task/embedded.ts";
import { taskClass } from "../../../durable/task/object-class.ts";
import { embeddedTenantPolicies, embeddedTenantStore } from "../../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../../durable/tenant/object-class.ts";
import { systemClock } from "../../../functions/adapters/clock/system.ts";
import { bundledConfigSource } from "../../../functions/adapters/config-source/bundled.ts";
import { absentControlDb } from "../../../functions/adapters/control-db/absent.ts";
import { controlRepository } from "../../../functions/adapters/control-db/repository.ts";
import { fetchedExchange } from "../../../functions/adapters/egress/fetched-exchange.ts";
import { randomIds } from "../../../functions/adapters/ids/random.ts";
import { secretKeyring } from "../../../functions/adapters/keyring/secret.ts";
import { memoryRateLimiter } from "../../../functions/adapters/rate-limit/memory.ts";
import { snapshotCompiler } from "../../../functions/config/compiler.ts";
import { firstKeys, provisionTenants } from "../../../functions/entry/bootstrap.ts";
import { composeCell } from "../../../functions/entry/compose.ts";
import { createLifecycle } from "../../../functions/entry/lifecycle.ts";
import { nativeHashing } from "../../../functions/entry/native-hashing.ts";
import { mint } from "../../../functions/v1/keys/mint.ts";
import { TenantId } from "../../../shared/contracts/ids.ts";
import { useHashing } from "../../../shared/crypto/hashing.ts";
import { statementKey, statementSigner } from "../../../shared/crypto/policy-statement.ts";
import { createTelemetry } from "../../../shared/telemetry/create-telemetry.ts";
import { sharedTimers } from "../../../shared/timing/shared-timers.ts";
import { useTimers } from "../../../shared/timing/timers.ts";

const CELL = { id: "local", jurisdiction: "local", region: "local" };

/** Configuration of one tenant and one model, with quotas that nothing reaches. */
export const PLAIN_FILES: Readonly<Record<string, string>> = {
  "providers.yml": "providers: { mock: { kind: openai, base_url: 'http://127.0.0.1:1/v1', locality: local } }",
  "models.yml": "models: { instant: { provider: mock, model: instant, prices: { input: '0.15', output: '0.60' } } }",
  "policies.yml": "rates: { key: { per_minute: 1000000, burst: 1000000 }, user: null, preauth_per_minute: 1000000 }",
  "tenants.yml": "tenants: { default: { privacy: allow-api } }",
};

const answer = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1_795_000_000,
  model: "instant",
  choices: [{ index: 0, message: { role: "assistant", content: "It is where a law applies." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 30, completion_tokens: 8, total_tokens: 38 },
});
const encoder = new TextEncoder();
const frame = (choices: object[], more: object = {}) =>
  encoder.encode(
    `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_795_000_000, model: "instant", choices, ...more })}\n\n`,
  );
const FRAMES = [
  ...Array.from({ length: 20 }, (_, n) => frame([{ index: 0, delta: { content: ` word${n}` }, finish_reason: null }])),
  frame([{ index: 0, delta: {}, finish_reason: "stop" }]),
  frame([], { usage: { prompt_tokens: 30, completion_tokens: 20, total_tokens: 50 } }),
  encoder.encode("data: [DONE]\n\n"),
];
/** Frame by frame and as a byte stream, as `fetch` answers it. */
function frames(): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const next = FRAMES[at++];
      if (next) return controller.enqueue(next.slice());
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

export interface BenchCellOptions {
  /** Beside or in place of `PLAIN_FILES`. */
  files?: Record<string, string>;
  stream?: boolean;
  /** What every secret that the configuration names reads as. */
  secret?: string;
}

/** A whole cell in this process: requests go straight into the application, the upstream answers at once. */
export async function openBenchCell({ files = {}, stream = false, secret }: BenchCellOptions = {}) {
  useHashing(nativeHashing);
  useTimers(sharedTimers());
  const home = mkdtempSync(join(tmpdir(), "bailiwick-bench-"));
  const clock = systemClock;
  const ids = randomIds(clock);
  const texts = Object.entries({ ...PLAIN_FILES, ...files });
  const config = bundledConfigSource(
    Object.fromEntries(texts.map(([name, text]) => [name, parse(text)])),
    snapshotCompiler({ cell: CELL, secretsPresent: () => true, variable: () => null }),
  );
  const tenantClass = tenantObjectClass(null);
  const batchClass = batchObjectClass(null);
  const objects = openEmbeddedHost({
    home,
    clock,
    ids,
    classes: [tenantClass, sessionClass, taskClass, batchClass, cellClass],
    onError: (cause) => console.error(cause),
  });
  const db = absentControlDb;
  const root = ids.bytes(32);
  const sign = statementSigner(CELL.id, statementKey(root));
  const { handle, deps } = composeCell({
    cell: { ...CELL, endpoint: "http://127.0.0.1:8787", release: "bench", loopback: true },
    clock,
    ids,
    config,
    tenants: embeddedTenantStore(objects, tenantClass),
    sessions: embeddedSessionStore(objects),
    tasks: embeddedTaskStore(objects),
    batches: embeddedBatchStore(objects, batchClass),
    cellStore: embeddedCellStore(objects, { cell: CELL.id, region: CELL.region, release: "bench" }),
    policies: policyStore({
      cell: embeddedCellPolicies(objects, { cell: CELL.id, region: CELL.region, release: "bench" }, sign),
      tenant: embeddedTenantPolicies(objects, tenantClass, sign),
    }),
    defer: (work) => void work,
    keyring: await secretKeyring([root], clock),
    control: controlRepository({ db, clock }),
    controlDb: db,
    preauth: memoryRateLimiter({ perMinute: () => 1_000_000, keysMax: 10 }, clock),
    telemetry: createTelemetry({
      service: "bench",
      cell: CELL.id,
      sink: (line) => console.error(line),
      exporter: null,
      clock,
      ids,
      sample: { ratio: 0, followParent: false },
    }),
    dependencies: [],
    degraded: () => [],
    lifecycle: createLifecycle(),
    egress: {
      tenantGet: () => Promise.reject(new Error("unused")),
      tenantMayName: () => false,
      tenantPost: () => Promise.reject(new Error("unused")),
      operatorFetch: () => Promise.reject(new Error("unused")),
      exchange: fetchedExchange(async () =>
        stream
          ? new Response(frames(), { headers: { "content-type": "text/event-stream" } })
          : new Response(answer, { headers: { "content-type": "application/json" } }),
      ),
    },
    readSecret: () => secret ?? null,
    version: "0.0.0",
  });
  const tenant = TenantId.parse("default");
  const [api, admin] = [mint(deps, tenant), mint(deps, tenant)];
  await provisionTenants(deps, config.current(), { tenant, keys: firstKeys(api, admin) });
  const quiet = new AbortController().signal;
  const runtime = { source: "127.0.0.1", disconnected: quiet, defer: (work: Promise<unknown>) => void work };

  return {
    deps,
    tenant,
    tenantClass,
    objects,
    snapshot: () => config.current(),
    apiKey: api.text,
    adminKey: admin.text,
    /** One request as a socket would bring it; throws on anything but success. */
    async ask(method: string, path: string, key: string, body: BodyInit | null, type = "application/json") {
      const headers = { authorization: `Bearer ${key}`, "content-type": type, host: "127.0.0.1" };
      const response = await handle(new Request(`http://127.0.0.1:8787${path}`, { method, headers, body }), runtime);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return new Uint8Array(await response.arrayBuffer());
    },
    async close() {
      await objects.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export type BenchCell = Awaited<ReturnType<typeof openBenchCell>>;
