import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLab, WITHOUT_DATABASE } from "../support/lab.ts";
import { pythonEnvironment } from "../support/python-server.ts";

/** NVIDIA's client comes with its server's package. */
const python = pythonEnvironment("triton-0.7.0", ["nvidia-pytriton==0.7.0"]);
const SCRIPT = resolve(import.meta.dirname, "../support/engines/triton_client.py");

describe.skipIf(python === null)("a stock client of the Open Inference Protocol: tritonclient", () => {
  let lab: Awaited<ReturnType<typeof startLab>>;
  beforeAll(async () => {
    lab = await startLab({ runtime: "deno", env: WITHOUT_DATABASE });
  }, 600_000);
  afterAll(() => lab?.stop());

  it("reads what a cell answers, as bytes and as JSON, its refusals, and what it says of its models", async () => {
    const tenant = await lab.newTenant();
    const { host } = new URL(lab.cell.url);
    const { stdout } = await promisify(execFile)(python ?? "", [SCRIPT, host, tenant.apiKey, "tensors", "versioned"]);
    const same = { half: [[1, -2, 65_504]], type: "float16", texts: ["a", "ä€𝄞"], id: "mine" };
    const told = JSON.parse(stdout);
    expect(told.slice(0, 2)).toEqual([same, same]);
    expect(told[2]).toEqual({ status: "404", message: "There is no such model for this caller" });
    const declared = [{ name: "x", datatype: "FP32", shape: [-1, 2] }];
    const metadata = { name: "versioned", versions: ["2"], platform: "bailiwick", inputs: declared, outputs: declared };
    expect(told[3]).toEqual({
      ...{ live: true, ready: true, stranger: false, extensions: ["binary_tensor_data"] },
      ...{ models: [true, true, false], metadata, version: "2", numbers: [[1, 2]] },
    });
  });
});
