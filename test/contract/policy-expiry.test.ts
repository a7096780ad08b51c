import { expect, it } from "vitest";
import { randomIds } from "../../functions/adapters/ids/random.ts";
import { builtinPolicy } from "../../functions/adapters/policy/builtin.ts";
import { createApp } from "../../functions/app.ts";
import type { Deps, Runtime } from "../../functions/context.ts";
import { BodyRoom } from "../../functions/pipeline/body-room.ts";
import { NO_INPUT } from "../../functions/v1/input.ts";
import { operation } from "../../functions/v1/operation.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Refusal } from "../../shared/contracts/ports/tenant-store.ts";
import { ok } from "../../shared/contracts/result.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { tenantState } from "../support/identity.ts";
import { policyWorld, question, TENANT } from "../support/policy-world.ts";

/** The application with one streaming operation, under the real adapter and the policy of the release. */
function streamingCell() {
  const world = policyWorld(builtinPolicy());
  const { clock, policy } = world;
  const ids = randomIds(clock);
  const refused: Refusal[] = [];
  const state = tenantState(TENANT);
  const { actor } = question({ actor: { roles: ["developer"] } });
  let source: ReadableStreamDefaultController<Uint8Array> | null = null;
  const deps = {
    cell: {
      id: "local",
      jurisdiction: "local",
      region: "local",
      endpoint: "http://cell",
      loopback: true,
      release: "1+0",
    },
    clock,
    ids,
    config: { current: () => world.state.snapshot },
    policy,
    tenants: {
      async refuse(_tenant: unknown, _access: unknown, refusal: Refusal) {
        refused.push(refusal);
        return ok(null);
      },
    },
    authenticator: {
      authenticate: async () =>
        ok({ actor, access: { kid: null, versions: { credential: 0, ...state.versions } }, state }),
    },
    bodies: new BodyRoom(1024),
    lifecycle: { draining: false, enter: () => () => {} },
    degraded: () => [],
    telemetry: createTelemetry({
      service: "test",
      cell: "local",
      sink: () => {},
      exporter: null,
      clock,
      ids,
      sample: { ratio: 0, followParent: false },
    }),
  } as unknown as Deps; // safe because: the seam and this operation touch nothing else
  const generate = operation({
    ...{ id: "models.list", method: "get", path: "/v1/models", action: "model:read", gate: "governed" },
    ...{ credential: "compared", effect: "read", retry: "safe", ack: "progress", kind: "stream" },
    ...NO_INPUT,
    success: [200, null, "Frames."],
    problems: [],
    summary: "Generate",
    tag: "Models",
    resource: { kind: "model" },
    execute: () => ({
      kind: "bytes",
      status: 200,
      contentType: "text/event-stream",
      body: new ReadableStream<Uint8Array>({
        start(controller) {
          source = controller;
        },
      }),
    }),
  });
  const runtime: Runtime = { source: null, disconnected: new AbortController().signal, defer() {} };
  const handle = createApp(deps, [generate]);
  return {
    ...world,
    refused,
    ask: async () => handle(new Request("http://cell/v1/models"), runtime),
    source: () => source ?? expect.fail("nothing is generated"),
  };
}

it("a generation goes on when the statement that it was admitted under expires unrenewed, and nothing begins after it", async () => {
  const cell = streamingCell();
  const running = await cell.ask();
  expect(running.status).toBe(200);
  const source = cell.source();
  cell.store.down = new Error("no network");
  cell.clock.advance(LIMITS.policyStatementMsMax - 1);
  expect((await cell.ask()).status).toBe(200);
  cell.clock.advance(1);
  for (let time = 0; time < 2; time++) {
    const refused = await cell.ask();
    expect([refused.status, (await refused.json()).error.code]).toEqual([503, "policy_unavailable"]);
  }
  expect(cell.refused).toMatchObject([{ reason: "policy_unavailable" }, { reason: "policy_unavailable" }]);
  source.enqueue(new TextEncoder().encode("data: [DONE]\n\n"));
  source.close();
  expect(await running.text()).toBe("data: [DONE]\n\n");
  cell.store.down = null;
  cell.clock.advance(LIMITS.policyReloadMsMin);
  expect((await cell.ask()).status).toBe(200);
});
