import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostEgress } from "../../functions/adapters/egress/deno.ts";
import { TaskCallbackEvent } from "../../shared/contracts/http/task-callback.ts";
import { TaskId } from "../../shared/contracts/ids.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { observed } from "../crash/faults/observed.ts";
import { CallbackReceiver } from "../support/callback-receiver.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";
import { eventually } from "../support/lab.ts";
import { verifiedBy } from "../support/verify-callback.ts";

const SECRET = "canary-of-the-answer-5d1c";
const chat = (model: unknown) => ({
  ...{ id: "c", object: "chat.completion", created: 1, model },
  choices: [{ index: 0, message: { role: "assistant", content: SECRET }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});
/** 127.0.0.1 plays the internet, 127.0.0.2 the cell's own network. */
const { tenantMayName, tenantPost } = hostEgress({
  rules: { protocols: ["http:"], permits: (address) => address === "127.0.0.1" },
});

let cell: DetachedCell;
let receiver: CallbackReceiver;
beforeEach(async () => {
  receiver = await CallbackReceiver.start();
  cell = await detachedCell(async ({ model }) => Response.json(chat(model)), { tenantMayName, tenantPost });
});
afterEach(async () => {
  await cell.close();
  await receiver.stop();
  expect(cell.failures).toEqual([]);
});

const hook = (path = "/hook") => `${receiver.url}${path}`;
const create = (url: string, headers: Record<string, string> = {}) =>
  cell.ask("/v1/tasks", { intent: "chat", model: "direct", input: "hi", callback_url: url }, headers);
async function created(url: string, headers: Record<string, string> = {}): Promise<TaskId> {
  const response = await create(url, headers);
  expect(response.status).toBe(202);
  const { task_id: task, callback } = (await response.json()) as JsonObject; // safe because: the operation's own schema
  expect(callback).toEqual({ state: "waiting", attempts: 0, last_status: null, reason: null });
  return TaskId.parse(task);
}
type Progress = { state: string; attempts: number; last_status: number | null; reason: string | null };
const progress = async (task: TaskId) => (await cell.task(task)).callback as Progress; // safe because: the operation's own schema
const until = (task: TaskId, seen: (progress: Progress) => boolean) => eventually(() => progress(task), seen, 20_000);
/** What the alarm does once the next try is due. */
const again = (task: TaskId) => cell.runner.callback(cell.tenant, task);
const keys = async () => ((await (await cell.ask("/.well-known/jwks.json", null)).json()) as { keys: never[] }).keys; // safe because: a JWK set
const ledger = async (kind: string) => {
  const page = (await (await cell.ask("/v1/ledger?limit=100", null)).json()) as { data: JsonObject[] }; // safe because: the operation's own schema
  return page.data.map((row) => (row.entry ?? row) as JsonObject).filter((entry) => entry.kind === kind); // safe because: as above
};

describe("a callback", () => {
  it("tells how the task ended and never what it made, under a signature that others can verify", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const task = await created(hook("/hook?to=a%20b"), { traceparent });
    const [call] = await receiver.count(1);
    if (!call) throw new Error("nothing came");
    expect(call.method).toBe("POST");
    expect(await verifiedBy(await keys(), call)).toBe(true);
    const event = TaskCallbackEvent.parse(JSON.parse(call.body.toString()));
    expect(event).toMatchObject({
      ...{ subject: task, type: "bailiwick.tasks.finished.v1", source: "/cells/local/tenants/default" },
      data: { task: { task_id: task, status: "OK", phase: "done" }, url: `http://127.0.0.1:8787/v1/tasks/${task}` },
    });
    expect(call.body.toString()).not.toContain(SECRET);
    expect(call.headers["x-bailiwick-delivery"]).toBe(event.id);
    expect(call.headers["content-type"]).toBe("application/cloudevents+json");
    expect(String(call.headers.traceparent)).toContain("4bf92f3577b34da6a3ce929d0e0e4736");
    expect(await until(task, ({ state }) => state !== "waiting")).toEqual({
      ...{ state: "delivered", attempts: 1, last_status: 204, reason: null },
    });
    for (const secret of ["authorization", "cookie"]) expect(call.headers).not.toHaveProperty(secret);
  });

  it("does not verify once anything of it was changed, so that nobody tells a receiver something else", async () => {
    await created(hook());
    const [call] = await receiver.count(1);
    if (!call) throw new Error("nothing came");
    const known = await keys();
    expect(await verifiedBy(known, call)).toBe(true);
    const altered = (headers: Record<string, string>) => ({ ...call, headers: { ...call.headers, ...headers } });
    const body = Buffer.from(call.body.toString().replace('"OK"', '"ERROR"'));
    const { createHash } = await import("node:crypto");
    const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
    for (const other of [
      { ...call, body },
      { ...altered({ "content-digest": digest }), body },
      { ...call, url: call.url.replace("/hook", "/other") },
      { ...call, method: "PUT" },
      altered({ "x-bailiwick-delivery": "callback_other" }),
      altered({ "x-bailiwick-attempt": "2" }),
      altered({
        "signature-input": String(call.headers["signature-input"]).replace(/expires=\d+/, "expires=9999999999"),
      }),
    ])
      expect(await verifiedBy(known, other).catch(() => false)).toBe(false);
    expect(await verifiedBy([], call).catch(() => false)).toBe(false);
  });

  it("stands in the API's document, so that whoever receives one knows what to expect", async () => {
    const { webhooks } = (await (await cell.ask("/openapi.json", null)).json()) as { webhooks: JsonObject }; // safe because: an OpenAPI document
    await created(hook());
    const [call] = await receiver.count(1);
    const { post } = webhooks["tasks.finished"] as {
      post: { parameters: { name: string }[]; requestBody: JsonObject };
    }; // safe because: as above
    for (const { name } of post.parameters) expect(call?.headers).toHaveProperty(name);
    expect(Object.keys(post.requestBody.content ?? {})).toEqual([call?.headers["content-type"]]);
  });

  it("is tried again under the same id until it is taken, and says how often", async () => {
    receiver.answer = (response) => void response.writeHead(500).end();
    const task = await created(hook());
    await receiver.count(1);
    expect(await until(task, ({ attempts }) => attempts === 1)).toMatchObject({ state: "waiting" });
    receiver.answer = (response) => void response.writeHead(200).end("thanks");
    const calls = await receiver.count(2);
    expect(await until(task, ({ state }) => state !== "waiting")).toEqual({
      ...{ state: "delivered", attempts: 2, last_status: 200, reason: null },
    });
    expect(new Set(calls.map(({ headers }) => headers["x-bailiwick-delivery"])).size).toBe(1);
    expect(calls.map(({ headers }) => headers["x-bailiwick-attempt"])).toEqual(["1", "2"]);
    expect(await ledger("callback.ended")).toMatchObject([
      {
        action: "task:read",
        detail: { task, origin: receiver.url, outcome: "delivered", attempts: 2, last_status: 200 },
      },
    ]);
  });

  it("stops where the receiver wants to hear nothing more", async () => {
    receiver.answer = (response) => void response.writeHead(410).end();
    const task = await created(hook());
    expect(await until(task, ({ state }) => state !== "waiting")).toEqual({
      ...{ state: "stopped", attempts: 1, last_status: 410, reason: "gone" },
    });
    await again(task);
    expect(receiver.received).toHaveLength(1);
  });

  it("is given up after so many tries, so that no receiver is called for ever", async () => {
    receiver.answer = (response) => void response.writeHead(503, { "retry-after": "3000" }).end();
    const task = await created(hook());
    await until(task, ({ last_status }) => last_status === 503);
    for (let tries = 2; tries <= LIMITS.callbackTriesMax; tries++) {
      await again(task);
      await until(
        task,
        ({ attempts, state }) => attempts === tries && (state === "failed" || tries < LIMITS.callbackTriesMax),
      );
      await receiver.count(tries);
      await eventually(async () => (await cell.deps.tasks.detached(cell.tenant, task)).ok, Boolean);
    }
    expect(await until(task, ({ state }) => state !== "waiting")).toEqual({
      ...{ state: "failed", attempts: LIMITS.callbackTriesMax, last_status: 503, reason: "status" },
    });
    await again(task);
    expect(receiver.received).toHaveLength(LIMITS.callbackTriesMax);
    expect(await ledger("callback.ended")).toMatchObject([{ detail: { outcome: "failed", reason: "status" } }]);
  });

  it("that was delivered and not noted is delivered again under the same id: a crash loses none", async () => {
    const noted = Promise.withResolvers<void>();
    cell.faults.tasks.endCallback = () => {
      noted.resolve();
      return Promise.reject(new Error("the process is gone"));
    };
    const task = await created(hook());
    await receiver.count(1);
    await noted.promise;
    delete cell.faults.tasks.endCallback;
    expect(await progress(task)).toMatchObject({ state: "waiting", attempts: 1 });
    await again(task);
    const calls = await receiver.count(2);
    expect(new Set(calls.map(({ headers }) => headers["x-bailiwick-delivery"])).size).toBe(1);
    expect(await until(task, ({ state }) => state !== "waiting")).toMatchObject({ state: "delivered", attempts: 2 });
    // One end, whichever try told it first.
    expect(await ledger("callback.ended")).toHaveLength(1);
  });
});

describe("the address of a callback", () => {
  it.each([
    "https://127.0.0.1/",
    "http://127.0.0.2:1/",
    "http://user:secret@127.0.0.1/",
    "http://localhost/",
    "ftp://127.0.0.1/",
    "not a url",
    "",
  ])("is refused before anything is done: %j", async (url) => {
    const response = await create(url);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: "callback_url" } });
    expect(cell.upstreamCalls).toEqual([]);
  });

  it("is bounded in length", async () => {
    const response = await create(`${hook("/")}${"a".repeat(LIMITS.callbackUrlCharsMax)}`);
    expect(response.status).toBe(400);
  });

  it("is judged again at every redirect, so that no receiver sends the cell into its own network", async () => {
    const inner = await CallbackReceiver.start("127.0.0.2");
    try {
      receiver.answer = (response) => void response.writeHead(307, { location: `${inner.url}/secret` }).end();
      const task = await created(hook());
      expect(await until(task, ({ reason }) => reason !== null)).toEqual({
        ...{ state: "waiting", attempts: 1, last_status: 307, reason: "address_refused" },
      });
      expect(inner.received).toEqual([]);
    } finally {
      await inner.stop();
    }
  });

  it("may move: the next one gets a signature of its own", async () => {
    receiver.answer = (response, { url }) =>
      void (url.endsWith("/hook") ? response.writeHead(308, { location: "/moved" }) : response.writeHead(202)).end();
    const task = await created(hook());
    expect(await until(task, ({ state }) => state !== "waiting")).toMatchObject({ state: "delivered", attempts: 1 });
    const known = await keys();
    for (const call of receiver.received) expect(await verifiedBy(known, call)).toBe(true);
    expect(receiver.received.map(({ url }) => new URL(url).pathname)).toEqual(["/hook", "/moved"]);
  });

  it.each([
    ["in circles", 307, "/hook"],
    ["to a GET", 302, "/hook"],
    ["nowhere", 308, undefined],
  ])("is not followed %s", async (_how, status, location) => {
    receiver.answer = (response) => void response.writeHead(status, location ? { location } : {}).end();
    const task = await created(hook());
    expect(await until(task, ({ reason }) => reason !== null)).toMatchObject({ state: "waiting", reason: "redirect" });
    const asked = receiver.received.length;
    expect(asked).toBeLessThanOrEqual(1 + LIMITS.callbackRedirectsMax);
  });
});

describe("one tenant's callbacks", () => {
  it("hold up nobody's: receivers that do not answer take so much of the process and no more", async () => {
    receiver.answer = () => {};
    const stuck = await Promise.all(Array.from({ length: LIMITS.callbacksPerTenantMax }, () => created(hook())));
    await receiver.count(stuck.length);
    const late = await created(hook("/late"));
    expect(await until(late, ({ reason }) => reason !== null)).toEqual({
      ...{ state: "waiting", attempts: 0, last_status: null, reason: "unavailable" },
    });
    expect(receiver.received.filter(({ url }) => url.endsWith("/late"))).toEqual([]);
    receiver.hangUp();
    for (const task of stuck) await until(task, ({ reason }) => reason === "unreachable");
    receiver.answer = (response) => void response.writeHead(204).end();
    await again(late);
    expect(await until(late, ({ state }) => state !== "waiting")).toMatchObject({ state: "delivered", attempts: 1 });
    observed(
      "receiver-silent",
      "one process",
      `${stuck.length} receivers that never answer take their bounded share of the process; another one waits, and is told once they hang up`,
    );
  });
});

describe("before anybody is told", () => {
  /** The task's end and its callback, before the first try. */
  async function heldBack(): Promise<TaskId> {
    const looked = Promise.withResolvers<void>();
    cell.faults.tasks.callback = async () => {
      looked.resolve();
      return { ok: false, error: { reason: "over" } };
    };
    const task = await created(hook());
    await looked.promise;
    delete cell.faults.tasks.callback;
    return task;
  }
  const tenantIs = async (change: JsonObject) => {
    const response = await cell.asOperator(`/v1/tenants/${cell.tenant}`, "PATCH", change);
    expect(response.status).toBe(200);
  };

  it.each([{ suspended: true }, { locked: true }])(
    "the tenant is asked about: %j holds the callback back until that is over",
    async (change) => {
      const task = await heldBack();
      await tenantIs(change);
      await again(task);
      const held = await eventually(
        () => cell.deps.tasks.detached(cell.tenant, task),
        (state) => state.ok && state.value.callback?.reason !== null,
      );
      expect(held).toMatchObject({ value: { callback: { state: "waiting", attempts: 0, reason: "tenant_state" } } });
      expect(receiver.received).toEqual([]);
      await tenantIs(Object.fromEntries(Object.keys(change).map((name) => [name, false])));
      await again(task);
      expect(await until(task, ({ state }) => state !== "waiting")).toMatchObject({ state: "delivered", attempts: 1 });
    },
  );

  /** The task's object is copied before its tenant is live, and stays where the tenant left. */
  it.each([
    ["frozen", "frozen"],
    ["gone to another cell", "left"],
    ["not live here yet", "arrived"],
    ["not known here", null],
  ] as const)("whose tenant is %s tells nobody, and waits for whoever has it", async (_what, phase) => {
    const task = await heldBack();
    const { tenants, tasks } = cell.deps;
    const { lookup } = tenants;
    const { callback } = tasks;
    const seen = (wanted: (state: string, reason: string | null) => boolean) =>
      eventually(
        () => tasks.detached(cell.tenant, task),
        (found) => found.ok && wanted(found.value.callback?.state ?? "", found.value.callback?.reason ?? null),
      );
    cell.faults.tenants.lookup = async (...asked) => {
      const found = await lookup(...asked);
      if (!found.ok || phase === null) return { ok: false, error: { reason: "unknown_tenant" } };
      const { state, key } = found.value;
      // What left has no data key any more.
      const data_key = phase === "left" ? "" : state.data_key;
      return { ok: true, value: { key, state: { ...state, data_key, suspended: true, move: { phase, to: "other" } } } };
    };
    await again(task);
    expect(await seen((_state, reason) => reason !== null)).toMatchObject({
      value: { callback: { state: "waiting", attempts: 0, reason: "tenant_state" } },
    });
    // What is too late is its ledger's to say, where there is one; else nobody asks for ever.
    cell.faults.tasks.callback = async (...asked) => {
      const pending = await callback(...asked);
      return pending.ok ? { ok: true, value: { ...pending.value, expires_ms: 0 } } : pending;
    };
    await again(task);
    const nobodys = phase === null || phase === "left";
    const late = nobodys ? { state: "failed", reason: "expired" } : { state: "waiting", reason: "tenant_state" };
    expect(await seen((state) => !nobodys || state !== "waiting")).toMatchObject({ value: { callback: late } });
    delete cell.faults.tenants.lookup;
    expect(receiver.received).toEqual([]);
    expect(await ledger("callback.ended")).toEqual([]);
  });

  it("the credential is read again: a revoked key tells nobody anything", async () => {
    const task = await heldBack();
    await cell.revoke();
    await again(task);
    expect(await until(task, ({ state }) => state !== "waiting")).toEqual({
      ...{ state: "refused", attempts: 0, last_status: null, reason: "credential" },
    });
    expect(receiver.received).toEqual([]);
    expect(await ledger("callback.ended")).toMatchObject([{ detail: { outcome: "refused", reason: "credential" } }]);
  });

  it("policy is asked live, at a point of its own, and its refusal is recorded", async () => {
    const task = await heldBack();
    const decide = cell.deps.policy.decide.bind(cell.deps.policy);
    const points: string[] = [];
    cell.deps.policy.decide = async (input, basis) => {
      points.push(input.point);
      const decided = await decide(input, basis);
      if (input.point !== "callback") return decided;
      return { ...decided, decision: { ...decided.decision, decision: "DENY", reasons: ["not_outside"] } };
    };
    await again(task);
    expect(await until(task, ({ state }) => state !== "waiting")).toMatchObject({ state: "refused", reason: "denied" });
    expect(points).toContain("callback");
    expect(receiver.received).toEqual([]);
    expect(await ledger("call.refused")).toMatchObject([{ action: "task:read" }]);
  });

  it("its time is looked at: what is too late is given up", async () => {
    const task = await heldBack();
    receiver.answer = (response) => void response.writeHead(500).end();
    const pending = await cell.deps.tasks.callback(cell.tenant, task);
    if (!pending.ok) throw new Error(pending.error.reason);
    cell.faults.tasks.callback = async () => ({
      ...pending,
      value: { ...pending.value, expires_ms: Date.now() + 100 },
    });
    await again(task);
    expect(await until(task, ({ state }) => state !== "waiting")).toMatchObject({ state: "failed", reason: "expired" });
  });
});
