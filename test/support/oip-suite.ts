import { expect, it } from "vitest";
import { oipEngine as directOipEngine } from "../../functions/engines/oip/engine.ts";
import { EngineFailed, type LocalEngine, type LocalRequest } from "../../gpu-workers/engines/engine.ts";
import { oipEngine } from "../../gpu-workers/engines/oip.ts";
import { OipClient } from "../../gpu-workers/engines/oip-client.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { type Dialect, EngineError, type EngineRequest } from "../../shared/contracts/ports/engine.ts";
import { textTensor } from "../../shared/oip/tensor.ts";
import { engineOptions } from "./engine-options.ts";

const TEXTS = ["ab", "ä€", ""];
/** What the servers' model computes: bytes added up in eight places, as a unit vector. */
const vectorOf = (text: string): number[] => {
  const sums = new Array<number>(8).fill(0);
  for (const [place, byte] of Buffer.from(text).entries()) sums[place % 8] = (sums[place % 8] ?? 0) + byte;
  const norm = Math.max(1, Math.hypot(...sums));
  return sums.map((sum) => sum / norm);
};
const live = () => new AbortController().signal;

async function answerOf(engine: LocalEngine, body: JsonObject, dialect: Dialect = "openai.embeddings") {
  const request: LocalRequest = {
    ...{ task: "t", dialect, model: "embedder", stream: false, body, traceparent: "00-1-2-01" },
  };
  const parts: Uint8Array[] = [];
  for await (const event of engine.execute(request, live())) if (event.kind === "chunk") parts.push(event.raw);
  return JSON.parse(Buffer.concat(parts).toString());
}

/** What every server of the Open Inference Protocol does for us, whether it takes binary tensors or not. */
export function oipSuite(under: () => { url: URL; binary: boolean }): void {
  const engine = () => oipEngine({ url: under().url, models: [{ id: "embedder", digest: null }] });

  it("says what it is, whether tensors travel as they are, and that it is ready", async () => {
    const client = new OipClient(under().url);
    expect(await client.server(live())).toMatchObject({ binary: under().binary });
    expect(await client.ready(["embedder"], live())).toBe(true);
    expect(await client.ready(["nothing"], live())).toBe(false);
  });

  it("is described with the dialects that its model can serve", async () => {
    expect(await engine().describe(live())).toMatchObject({
      ...{ kind: "oip", models: [{ id: "embedder", digest: null }], dialects: ["oip.infer", "openai.embeddings"] },
    });
  });

  it.each([false, true])("answers embeddings of texts, base64: %s", async (base64) => {
    const told = engine();
    await told.describe(live());
    const body = await answerOf(told, { input: TEXTS, ...(base64 ? { encoding_format: "base64" } : {}) });
    for (const [index, text] of TEXTS.entries()) {
      const { embedding } = body.data[index];
      const bytes = base64 ? Buffer.from(embedding, "base64") : null;
      const vector = bytes === null ? embedding : vectorOf(text).map((_, i) => bytes.readFloatLE(i * 4));
      for (const [i, value] of vectorOf(text).entries()) expect(vector[i]).toBeCloseTo(value, 5);
    }
    // The protocol tells no tokens, so none are stated.
    expect(body.usage).toBeUndefined();
  });

  const input = { name: "text", datatype: "BYTES", shape: [TEXTS.length, 1], data: TEXTS };
  const held = (answer: JsonObject) => {
    expect(answer).toMatchObject({
      model_name: "embedder",
      id: "mine",
      outputs: [{ name: "vector", datatype: "FP32" }],
    });
    const [output] = answer.outputs as [JsonObject]; // safe because: the line above
    const bytes = Buffer.from(String(output.data_base64 ?? ""), "base64");
    const numbers = output.data ?? [...new Float32Array(Uint8Array.from(bytes).buffer)];
    const wanted = TEXTS.flatMap(vectorOf);
    expect(output.shape).toEqual([TEXTS.length, 8]);
    for (const [i, number] of (numbers as number[]).entries()) expect(number).toBeCloseTo(wanted[i] ?? 0, 5); // safe because: FP32 has numbers
  };

  it.each([false, true])("answers tensors over a worker, as bytes: %s", async (binary_data_output) => {
    const told = engine();
    await told.describe(live());
    held(await answerOf(told, { id: "mine", inputs: [input], parameters: { binary_data_output } }, "oip.infer"));
  });

  it.each([false, true])("answers tensors on the direct lane, as bytes: %s", async (binary_data) => {
    const direct = directOipEngine(engineOptions(under().url.href));
    const body = { id: "mine", inputs: [input], outputs: [{ name: "vector", parameters: { binary_data } }] };
    const request: EngineRequest = {
      ...{ task: "t", dialect: "oip.infer", model: "embedder", stream: false, traceparent: "00-1-2-01" },
      ...{ tracestate: null, secret: null, body: { ...body, model: "embedder" } },
    };
    for await (const event of direct.execute(request, live()))
      if (event.kind === "body") held(JSON.parse(Buffer.from(event.raw).toString()));
    expect(await direct.health(live())).toEqual({ ready: true, reason: null });
    const wrong = { ...request, model: "nothing", body: { ...request.body, model: "nothing" } };
    const failing = async () => {
      for await (const event of direct.execute(wrong, live())) expect(event.kind).not.toBe("body");
    };
    await expect(failing()).rejects.toBeInstanceOf(EngineError);
  });

  it("refuses a tensor that the model does not take, before it is sent", async () => {
    const client = new OipClient(under().url);
    const metadata = await client.model("embedder", live());
    const call = client.infer(
      "embedder",
      metadata,
      { id: "1", inputs: [textTensor("text", [2, 2], ["a", "b", "c", "d"])], outputs: ["vector"] },
      { binary: under().binary, traceparent: "00-1-2-01", signal: live() },
    );
    await expect(call).rejects.toThrow(EngineFailed);
  });

  it("tells a refusal of the server as one", async () => {
    const client = new OipClient(under().url);
    const call = client.infer(
      "nothing",
      { name: "nothing", inputs: [{ name: "text", datatype: "BYTES", shape: [-1, 1] }] },
      { id: "1", inputs: [textTensor("text", [1, 1], ["a"])], outputs: ["vector"] },
      { binary: under().binary, traceparent: "00-1-2-01", signal: live() },
    );
    await expect(call).rejects.toMatchObject({ failure: { reason: "rejected" } });
  });
}
