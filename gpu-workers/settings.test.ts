import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { readSettings, SettingsRefused } from "./settings.ts";

const LOCAL = {
  BAILIWICK_CELL_URL: "http://127.0.0.1:8787",
  BAILIWICK_CELL: "local",
  BAILIWICK_JURISDICTION: "local",
  BAILIWICK_POOL: "gpu",
  BAILIWICK_WORKER: "w-1",
  BAILIWICK_WORKER_CONCURRENCY: "8",
  BAILIWICK_WORKER_SECRET_FILE: "secret",
  BAILIWICK_QUEUE: "sqlite",
  BAILIWICK_QUEUE_FILE: "queue.sqlite",
  BAILIWICK_ENGINE: "synthetic",
  BAILIWICK_ENGINE_MODELS: "synthetic-1",
};
const DIGEST = `sha256:${"0a".repeat(32)}`;
const CLOUD = {
  ...LOCAL,
  BAILIWICK_CELL_URL: "https://eu1.example.com",
  BAILIWICK_WORKER_SECRET_FILE: "",
  BAILIWICK_WORKER_TOKEN_FILE: "token",
  BAILIWICK_QUEUE: "sqs",
  BAILIWICK_SQS_PREFIX: "bw",
  AWS_REGION: "eu-central-1",
  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials",
  BAILIWICK_ENGINE: "openai",
  BAILIWICK_ENGINE_URL: "http://localhost:8000/",
  BAILIWICK_ENGINE_MODELS: `meta/llama@${DIGEST}, other, detector@3, detector@4@${DIGEST}`,
};

describe("a worker's environment", () => {
  it("is read for a worker beside the cell and for one in a cloud", () => {
    expect(readSettings(LOCAL)).toMatchObject({
      proof: { kind: "enrolment", file: "secret" },
      queue: { kind: "sqlite", file: "queue.sqlite" },
      engine: { kind: "synthetic", models: [{ id: "synthetic-1", digest: null }] },
    });
    expect(readSettings(CLOUD)).toMatchObject({
      proof: { kind: "service_account", file: "token" },
      queue: { kind: "sqs", aws: { kind: "container", url: new URL("http://169.254.170.2/v2/credentials") } },
      engine: {
        models: [
          { id: "meta/llama", digest: DIGEST },
          { id: "other", digest: null },
          { id: "detector@3", digest: null },
          { id: "detector@4", digest: DIGEST },
        ],
      },
    });
  });

  it.each([
    ["an engine elsewhere", { BAILIWICK_ENGINE: "openai", BAILIWICK_ENGINE_URL: "http://10.0.0.1:8000" }, "ENGINE_URL"],
    ["no engine's address", { BAILIWICK_ENGINE: "openai" }, "BAILIWICK_ENGINE_URL"],
    ["a cell elsewhere without TLS", { BAILIWICK_CELL_URL: "http://eu1.example.com" }, "BAILIWICK_CELL_URL"],
    ["two proofs", { BAILIWICK_WORKER_TOKEN_FILE: "token" }, "BAILIWICK_WORKER_SECRET_FILE"],
    ["no proof", { BAILIWICK_WORKER_SECRET_FILE: undefined }, "BAILIWICK_WORKER_TOKEN_FILE"],
    ["no models of an engine that lists none", { BAILIWICK_ENGINE_MODELS: "" }, "BAILIWICK_ENGINE_MODELS"],
    ["a digest that is none", { BAILIWICK_ENGINE_MODELS: "m@sha256:1" }, "BAILIWICK_ENGINE_MODELS"],
    ["no concurrency", { BAILIWICK_WORKER_CONCURRENCY: "0" }, "BAILIWICK_WORKER_CONCURRENCY"],
    ["no credentials of its queue", { BAILIWICK_QUEUE: "sqs", BAILIWICK_SQS_PREFIX: "bw", AWS_REGION: "eu-1" }, "AWS_"],
    ["a pool whose queues nobody has", { BAILIWICK_POOL: "A B" }, "BAILIWICK_POOL"],
  ])("with %s is refused by the variable's name", (_, change, name) => {
    const thrown = () => readSettings({ ...LOCAL, ...change });
    expect(thrown).toThrow(SettingsRefused);
    expect(thrown).toThrow(name);
  });

  it("never shows a secret, whatever prints it", () => {
    const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: _, ...cloud } = CLOUD;
    const keys = { AWS_ACCESS_KEY_ID: "AKIA", AWS_SECRET_ACCESS_KEY: "canary-1", AWS_SESSION_TOKEN: "canary-2" };
    const settings = readSettings({ ...cloud, ...keys });
    expect(`${inspect(settings, { depth: 9 })}${JSON.stringify(settings)}`).not.toContain("canary");
    expect(() => readSettings({ ...cloud, ...keys, BAILIWICK_CELL: "canary-3 X" })).not.toThrow("canary");
  });
});
