import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { freePort } from "../support/free-port.ts";
import { oipSuite } from "../support/oip-suite.ts";
import { answers, type PythonServer, pythonEnvironment, startPythonServer } from "../support/python-server.ts";

const python = pythonEnvironment("mlserver-1.7.1", ["mlserver==1.7.1"]);
const MODEL = resolve(import.meta.dirname, "../support/engines/mlserver");

describe.skipIf(python === null)("a server of the Open Inference Protocol in JSON: MLServer", () => {
  const home = mkdtempSync(join(tmpdir(), "mlserver-"));
  let server: PythonServer;
  let url: URL;
  beforeAll(async () => {
    const [http_port, grpc_port, metrics_port] = [await freePort(), await freePort(), await freePort()];
    url = new URL(`http://127.0.0.1:${http_port}`);
    cpSync(MODEL, home, { recursive: true });
    const settings = { host: "127.0.0.1", http_port, grpc_port, metrics_port, parallel_workers: 0 };
    writeFileSync(join(home, "settings.json"), JSON.stringify(settings));
    server = await startPythonServer(python ?? "", ["-m", "mlserver.cli.main", "start", "."], {
      cwd: home,
      ready: () => answers(`${url}v2/models/embedder/ready`),
    });
  }, 900_000);
  afterAll(async () => {
    await server.stop();
    rmSync(home, { recursive: true });
  });

  oipSuite(() => ({ url, binary: false }));
});
