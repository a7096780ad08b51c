import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, marker, startLab, type Tenant, user, WITHOUT_DATABASE } from "../../support/lab.ts";
import { type CollectedSpan, OtlpCollector } from "../../support/otlp-collector.ts";

const CHAT = "/v1/chat/completions";
const [SERVER, CLIENT] = [2, 3];
const [OK, ERROR] = [1, 2];
/** `paced` streams for one second; the wall clocks of both processes are one. */
const PACED_MS_MIN = 800;

describe.concurrent("traces", () => {
  let collector: OtlpCollector;
  let lab: Awaited<ReturnType<typeof startLab>>;
  let tenant: Tenant;
  beforeAll(async () => {
    collector = await new OtlpCollector().start();
    lab = await startLab({
      runtime: "deno",
      env: { ...WITHOUT_DATABASE, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    });
    tenant = await lab.newTenant();
  });
  afterAll(async () => {
    await lab?.stop();
    await collector?.stop();
  });

  const caller = (flags = "01") => {
    const [trace, span] = [randomBytes(16).toString("hex"), randomBytes(8).toString("hex")];
    return { trace, span, header: `00-${trace}-${span}-${flags}` };
  };
  const ask = async (traceparent: string, body: object, path = CHAT) => {
    const response = await lab.ask(path, { key: tenant.apiKey, headers: { traceparent }, body });
    await response.text().catch(() => "a broken stream ends in a destroyed connection");
    return response;
  };
  /** Spans of the trace once its root has arrived: children end before their parent, so all of them are there. */
  const spansOf = async (trace: string): Promise<CollectedSpan[]> => {
    const of = async () => collector.spans.filter(({ traceId }) => traceId === trace);
    return eventually(of, (spans) => spans.some(({ kind }) => kind === SERVER));
  };
  const named = (spans: CollectedSpan[], name: string): CollectedSpan => {
    const found = spans.filter((span) => span.name === name);
    expect(found, `one span ${name} among ${spans.map((span) => span.name)}`).toHaveLength(1);
    return found[0] ?? expect.fail("no span");
  };

  it("join the caller's and have one span a step, so that who waits sees for what", async () => {
    const { trace, span, header } = caller();
    const response = await ask(header, { model: "echo", messages: [user("hello")] });
    const spans = await spansOf(trace);
    const root = named(spans, `POST ${CHAT}`);
    expect(root).toMatchObject({ kind: SERVER, parentSpanId: span, status: OK });
    expect(root.attributes).toMatchObject({
      "http.route": CHAT,
      "http.response.status_code": "200",
      "bailiwick.task": response.headers.get("x-bailiwick-task"),
      "bailiwick.request": response.headers.get("x-request-id"),
    });
    const steps = ["authenticate", "read", "decide", "admit", "plan", "chat echo", "settle"];
    const children = spans.filter((each) => each !== root).toSorted((a, b) => a.startMs - b.startMs);
    expect(new Set(children.map(({ name }) => name))).toEqual(new Set(steps));
    expect(children).toHaveLength(steps.length);
    for (const child of children) {
      expect([child.name, child.parentSpanId]).toEqual([child.name, root.spanId]);
      expect(child.startMs).toBeGreaterThanOrEqual(root.startMs);
      expect(child.endMs).toBeLessThanOrEqual(root.endMs);
      expect([child.name, child.status]).toEqual([child.name, OK]);
    }
  });

  it("go on at the engine under the span of its call, so that no trace is cut at the cell", async () => {
    const { trace, header } = caller();
    const mark = marker();
    await ask(header, { model: "echo", messages: [user(mark)] });
    const call = named(await spansOf(trace), "chat echo");
    expect(lab.upstream.about(mark)[0]?.headers.traceparent).toBe(`00-${trace}-${call.spanId}-01`);
    expect(call.kind).toBe(CLIENT);
  });

  it("name the model call as the GenAI conventions do: operation, provider, model, usage, server", async () => {
    const { trace, header } = caller();
    await ask(header, { model: "echo", messages: [user("hello")] });
    const { hostname, port } = new URL(lab.upstream.url);
    expect(named(await spansOf(trace), "chat echo").attributes).toMatchObject({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "echo",
      "gen_ai.response.model": "echo",
      "gen_ai.usage.input_tokens": "10",
      "gen_ai.usage.output_tokens": "5",
      "server.address": hostname,
      "server.port": port,
    });
    const embedding = caller();
    await ask(embedding.header, { model: "embed", input: "hello" }, "/v1/embeddings");
    expect(named(await spansOf(embedding.trace), "embeddings embed").attributes).toMatchObject({
      "gen_ai.operation.name": "embeddings",
    });
  });

  it("of a stream end when the stream does, not with its headers", async () => {
    const { trace, header } = caller();
    await ask(header, { model: "paced", messages: [user("hello")], stream: true });
    const spans = await spansOf(trace);
    const [root, call, settle] = [named(spans, `POST ${CHAT}`), named(spans, "chat paced"), named(spans, "settle")];
    expect(root.endMs - root.startMs).toBeGreaterThan(PACED_MS_MIN);
    expect(call.endMs - call.startMs).toBeGreaterThan(PACED_MS_MIN);
    expect(settle.startMs).toBeGreaterThanOrEqual(call.endMs);
    expect(root.endMs).toBeGreaterThanOrEqual(settle.endMs);
    expect([root.status, call.status]).toEqual([OK, OK]);
    expect(call.attributes).toMatchObject({ "gen_ai.usage.output_tokens": "5" });
  });

  it("of a broken stream and of a failed engine say so, each try in a span of its own", async () => {
    const broken = caller();
    await ask(broken.header, { model: "midstream", messages: [user("hello")], stream: true });
    const spans = await spansOf(broken.trace);
    expect(named(spans, `POST ${CHAT}`)).toMatchObject({
      status: ERROR,
      attributes: { "error.type": "upstream-failed" },
    });
    expect(named(spans, "chat midstream").status).toBe(ERROR);

    const failed = caller();
    await ask(failed.header, { model: "status-500", messages: [user("hello")] });
    const root = named(await spansOf(failed.trace), `POST ${CHAT}`);
    expect(root).toMatchObject({ status: ERROR, attributes: { "http.response.status_code": "502" } });

    const fallback = caller();
    await ask(fallback.header, { model: "fallback", messages: [user("hello")] });
    const tries = await spansOf(fallback.trace);
    expect(named(tries, "chat synthetic-1")).toMatchObject({
      status: ERROR,
      attributes: { "error.type": "unreachable", "bailiwick.provider": "synthetic-unreachable" },
    });
    expect(named(tries, "chat echo")).toMatchObject({ status: OK, attributes: { "bailiwick.provider": "spare" } });
  });

  it("of a cut stream end too, so that none stays open", async () => {
    const { trace, header } = caller();
    const abort = new AbortController();
    const response = await lab.ask(CHAT, {
      key: tenant.apiKey,
      headers: { traceparent: header },
      signal: abort.signal,
      body: { model: "slow", messages: [user("hello")], stream: true },
    });
    await response.body?.getReader().read();
    abort.abort();
    const spans = await spansOf(trace);
    expect(named(spans, `POST ${CHAT}`)).toMatchObject({ status: ERROR, attributes: { "error.type": "canceled" } });
    expect(named(spans, "chat slow").status).toBe(ERROR);
    expect(named(spans, "settle").status).toBe(OK);
  });

  it("of refused calls and unknown paths end as well, named by route, never by what the caller wrote", async () => {
    const refused = caller();
    await ask(refused.header, { model: "nobody", messages: [user("hello")] });
    expect(named(await spansOf(refused.trace), `POST ${CHAT}`)).toMatchObject({
      attributes: { "http.response.status_code": "404", "error.type": "model-not-found" },
    });
    const lost = caller();
    await lab.ask("/v1/no/such/thing", { headers: { traceparent: lost.header } });
    expect(await spansOf(lost.trace)).toMatchObject([
      { name: "GET", attributes: { "http.response.status_code": "404" } },
    ]);
    const byId = caller();
    await lab.ask("/v1/tasks/task_00000000000000000000000000", {
      key: tenant.apiKey,
      headers: { traceparent: byId.header },
    });
    named(await spansOf(byId.trace), "GET /v1/tasks/{task_id}");
  });

  it("that the caller does not record are handed on and exported nowhere", async () => {
    const { trace, header } = caller("00");
    const mark = marker();
    await ask(header, { model: "echo", messages: [user(mark)] });
    expect(lab.upstream.about(mark)[0]?.headers.traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`));
    const after = caller();
    await ask(after.header, { model: "echo", messages: [user("hello")] });
    await spansOf(after.trace);
    expect(collector.spans.filter(({ traceId }) => traceId === trace)).toEqual([]);
  });

  it("start anew where the caller's header is broken, and one call never joins another's", async () => {
    const marks = [marker(), marker()];
    for (const mark of marks) await ask("00-not-a-trace-01", { model: "echo", messages: [user(mark)] });
    const traces = marks.map((mark) => String(lab.upstream.about(mark)[0]?.headers.traceparent).split("-")[1]);
    for (const trace of traces) expect(trace).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(traces).size).toBe(2);
  });
});
