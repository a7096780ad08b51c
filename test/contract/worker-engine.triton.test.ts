import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OipClient } from "../../gpu-workers/engines/oip-client.ts";
import { DATATYPES, type Datatype, floatsOf, type Tensor, textTensor } from "../../shared/oip/tensor.ts";
import { freePort } from "../support/free-port.ts";
import { oipSuite } from "../support/oip-suite.ts";
import {
  answers,
  type PythonServer,
  pythonEnvironment,
  pythonLibraries,
  startPythonServer,
} from "../support/python-server.ts";

/** NVIDIA's server itself, as it is published for Python; it runs without a GPU too. */
const python = pythonEnvironment("triton-0.7.0", ["nvidia-pytriton==0.7.0"]);
const SCRIPT = resolve(import.meta.dirname, "../support/engines/triton_server.py");

describe.skipIf(python === null)("a server of the Open Inference Protocol with binary tensors: Triton", () => {
  let server: PythonServer;
  let url: URL;
  beforeAll(async () => {
    const port = await freePort();
    url = new URL(`http://127.0.0.1:${port}`);
    server = await startPythonServer(python ?? "", [SCRIPT, String(port)], {
      env: { LD_LIBRARY_PATH: pythonLibraries(python ?? "") },
      ready: () => answers(`${url}v2/models/echo/ready`),
    });
  }, 900_000);
  afterAll(() => server.stop());

  oipSuite(() => ({ url, binary: true }));

  const numbers = (name: Datatype, bytes: Uint8Array): Tensor => {
    const size = DATATYPES[name] ?? 1;
    return { name, datatype: name, shape: [1, bytes.length / size], bytes };
  };
  /** Values at the edges of each type, as they are in memory. */
  const EDGES: Tensor[] = [
    numbers("BOOL", Uint8Array.of(1, 0)),
    numbers("UINT8", Uint8Array.of(0, 255)),
    numbers("UINT64", new Uint8Array(BigUint64Array.of(0n, 2n ** 64n - 1n).buffer)),
    numbers("INT16", new Uint8Array(Int16Array.of(-32_768, 32_767).buffer)),
    numbers("INT64", new Uint8Array(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n).buffer)),
    numbers("FP16", Uint8Array.of(0x00, 0x3c, 0x01, 0x80)),
    numbers("FP32", new Uint8Array(Float32Array.of(-1.5, 3.4e38).buffer)),
    numbers("FP64", new Uint8Array(Float64Array.of(Math.PI, -0).buffer)),
    textTensor("BYTES", [1, 2], ["", "ä€𝄞"]),
  ];

  it("carries every type there and back without losing a bit", async () => {
    const client = new OipClient(url);
    const metadata = await client.model("echo", new AbortController().signal);
    const answer = await client.infer(
      "echo",
      metadata,
      { id: "1", inputs: EDGES, outputs: EDGES.map(({ name }) => `${name}_OUT`) },
      { binary: true, traceparent: "00-1-2-01", signal: new AbortController().signal },
    );
    for (const { name, shape, bytes } of EDGES) {
      const back = answer.outputs.get(`${name}_OUT`);
      expect([name, back?.shape, Buffer.from(back?.bytes ?? [])]).toEqual([name, shape, Buffer.from(bytes)]);
    }
    const half = answer.outputs.get("FP16_OUT");
    expect(half && [...floatsOf(half)]).toEqual([1, -(2 ** -24)]);
  });
});
