import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { EngineError, type EngineRequest } from "../../../shared/contracts/ports/engine.ts";
import { HEADER_LENGTH } from "../../../shared/oip/wire.ts";
import { engineOptions } from "../../../test/support/engine-options.ts";
import { fetchedExchange } from "../../adapters/egress/fetched-exchange.ts";
import { oipEngine } from "./engine.ts";

const HALF = { name: "h", datatype: "FP16", shape: [2], data_base64: "ADwAwA==" };
const NUMBERS = { name: "x", datatype: "FP32", shape: [2], data: [1, 2.5] };

interface Sent {
  url: string;
  headers: Headers;
  body: Uint8Array | null;
}

/** A server whose `infer` answers as told, and what it was sent. */
function server(infer: (sent: Sent) => Response, extensions: string[] | null = ["binary_tensor_data"]) {
  const sent: Sent[] = [];
  const options = engineOptions("http://oip.example.com/base");
  const engine = oipEngine({
    ...options,
    egress: {
      exchange: fetchedExchange(async (url, init) => {
        const { body } = init;
        const bytes =
          typeof body === "string" ? new TextEncoder().encode(body) : body instanceof Uint8Array ? body : null;
        const asked = { url, headers: new Headers(init.headers), body: bytes };
        sent.push(asked);
        if (init.method === "POST") return infer(asked);
        if (extensions === null) return new Response("not now", { status: 503 });
        return Response.json({ name: "triton", version: "2", extensions });
      }),
    },
  });
  const ask = async (body: JsonObject, model = "m/1") => {
    const request: EngineRequest = {
      ...{ task: "task_1", dialect: "oip.infer", model, stream: false, traceparent: "00-1-2-01" },
      ...{ tracestate: null, secret: null, body: { ...body, model } },
    };
    for await (const event of engine.execute(request, new AbortController().signal))
      if (event.kind === "body") return JSON.parse(new TextDecoder().decode(event.raw));
  };
  const failure = async (body: JsonObject, model?: string) => {
    const thrown = await ask(body, model).then(
      () => null,
      (cause: unknown) => cause,
    );
    if (!(thrown instanceof EngineError)) throw new Error("an EngineError was expected");
    return thrown.failure;
  };
  return { sent, ask, failure };
}
/** What a server that echoes answers, in the form in which it was asked. */
function echo({ headers, body }: Sent): Response {
  const bytes = body ?? new Uint8Array();
  const length = headers.get(HEADER_LENGTH);
  const { inputs } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, Number(length ?? bytes.length))));
  const head = new TextEncoder().encode(JSON.stringify({ model_name: "m/1", model_version: "7", outputs: inputs }));
  if (length === null) return new Response(head, { headers: { "content-type": "application/json" } });
  return new Response(Buffer.concat([head, bytes.subarray(Number(length))]), {
    headers: { "content-type": "application/octet-stream", [HEADER_LENGTH]: String(head.length) },
  });
}
const answering = (answer: unknown, init: ResponseInit = {}) => server(() => Response.json(answer, init));

describe("a server of the Open Inference Protocol", () => {
  it("is sent tensors as they are where it takes them, and asked for that once", async () => {
    const { sent, ask } = server(echo);
    const body = { id: "mine", inputs: [HALF, NUMBERS], outputs: [] };
    expect(await ask(body)).toEqual({ model_name: "m/1", model_version: "7", id: "mine", outputs: [HALF, NUMBERS] });
    await ask(body);
    expect(sent.map(({ url }) => url.replace("http://oip.example.com/base", ""))).toEqual([
      "/v2",
      "/v2/models/m%2F1/infer",
      "/v2/models/m%2F1/infer",
    ]);
    const [about, infer] = sent;
    expect(infer?.headers.get("content-type")).toBe("application/octet-stream");
    expect(infer?.headers.get("traceparent")).toBe("00-1-2-01");
    expect(infer?.headers.get("authorization")).toBe(about?.headers.get("authorization"));
    const head = Buffer.from(infer?.body ?? [])
      .subarray(0, Number(infer?.headers.get(HEADER_LENGTH)))
      .toString();
    // The server's own id is the task's; no word of ours goes along.
    expect(JSON.parse(head)).toMatchObject({ id: "task_1", parameters: { binary_data_output: true } });
    expect(head).not.toMatch(/bailiwick|mine|"model"/);
  });

  it.each([
    ["has not the extension", [] as string[], 2],
    ["does not say now, and is asked again", null, 4],
  ])("that %s gets JSON", async (_, extensions, requests) => {
    const { sent, ask, failure } = server(echo, extensions);
    expect(await ask({ inputs: [NUMBERS] })).toMatchObject({ outputs: [NUMBERS] });
    expect(await failure({ inputs: [HALF] })).toMatchObject({ reason: "failed" });
    expect(sent.slice(0, 2).map(({ headers }) => headers.get("content-type"))).toEqual([null, "application/json"]);
    // Half precision has no JSON, so that the second call ends before it is sent.
    expect(sent).toHaveLength(requests - (extensions === null ? 1 : 0));
  });

  it.each([
    ["another model", { model_name: "other", outputs: [NUMBERS] }, { reason: "model_mismatch", reported: "other" }],
    ["no wanted output", { model_name: "m/1", outputs: [] }, { reason: "failed" }],
    [
      "a number that its type has not",
      { model_name: "m/1", outputs: [{ ...NUMBERS, datatype: "INT8" }] },
      { reason: "failed" },
    ],
    [
      "fewer numbers than its shape",
      { model_name: "m/1", outputs: [{ ...NUMBERS, shape: [3] }] },
      { reason: "failed" },
    ],
    ["something else", { error: { message: "soft" } }, { reason: "failed" }],
  ])("that answers %s is a failure, so that no wrong number is delivered", async (_, answer, expected) => {
    const { failure } = answering(answer);
    expect(await failure({ inputs: [NUMBERS], outputs: [{ name: "x" }] })).toMatchObject(expected);
  });

  it("is asked for the version that is pinned, and believed only when that one answers", async () => {
    const { sent, ask, failure } = server(echo, []);
    expect(await ask({ inputs: [NUMBERS] }, "m/1@7")).toMatchObject({ model_name: "m/1", model_version: "7" });
    expect(await failure({ inputs: [NUMBERS] }, "m/1@8")).toEqual({ reason: "model_mismatch", reported: "m/1@7" });
    expect(sent.slice(1).map(({ url }) => url.replace("http://oip.example.com/base", ""))).toEqual([
      "/v2/models/m%2F1/versions/7/infer",
      "/v2/models/m%2F1/versions/8/infer",
    ]);
  });

  it("tells its refusal with its own words", async () => {
    const { failure } = answering({ error: "unexpected shape for input 'x'" }, { status: 400 });
    expect(await failure({ inputs: [NUMBERS] })).toMatchObject({
      ...{ reason: "rejected", status: 400, message: "unexpected shape for input 'x'" },
    });
  });
});
