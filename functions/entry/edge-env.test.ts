import { describe, expect, it } from "vitest";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { readEdgeEnv } from "./edge-env.ts";
import { readEmbeddedEnv } from "./embedded-env.ts";

const secret = encodeBase64url(new Uint8Array(32).fill(1));
const good = {
  BAILIWICK_OBJECTS_URL: "http://127.0.0.1:8788/",
  BAILIWICK_EDGE_KEY: "env:EDGE",
  BAILIWICK_ROOT_SECRET: "env:ROOT",
  EDGE: secret,
  ROOT: secret,
};

describe("what an edge is told", () => {
  it("is taken with the secrets that it names", () => {
    const env = readEdgeEnv(good);
    expect(env.BAILIWICK_OBJECTS_URL).toBe("http://127.0.0.1:8788");
    expect(env.secrets.edge).toHaveLength(32);
    expect(env.secrets.workers).toBeNull();
  });

  it.each([
    [
      "secrets in clear over a network",
      { BAILIWICK_OBJECTS_URL: "http://objects.example.com" },
      "BAILIWICK_OBJECTS_URL",
    ],
    ["a secret in the variable itself", { BAILIWICK_ROOT_SECRET: secret }, "BAILIWICK_ROOT_SECRET"],
    ["a secret that is not there", { EDGE: "" }, "BAILIWICK_EDGE_KEY"],
    ["a secret of another size", { ROOT: "AAAA" }, "BAILIWICK_ROOT_SECRET"],
    [
      "a file of workers that is not there",
      { BAILIWICK_WORKER_SECRET: "file:/nowhere/at/all" },
      "BAILIWICK_WORKER_SECRET",
    ],
    ["half of a certificate", { TLS_CERT: "/a" }, "TLS_KEY"],
    [
      "tenants' calls to a machine that others reach",
      { HOST: "0.0.0.0", BAILIWICK_TENANT_EGRESS: "loopback" },
      "EGRESS",
    ],
  ])("is refused by name, never by value, with %s", (_what, changed, named) => {
    const read = () => readEdgeEnv({ ...good, ...changed });
    expect(read).toThrow(named);
    expect(read).not.toThrow(secret);
  });

  it("may be https anywhere", () => {
    expect(readEdgeEnv({ ...good, BAILIWICK_OBJECTS_URL: "https://objects.example.com" })).toBeDefined();
  });
});

describe("where a cell serves its objects", () => {
  it("is an address, with the keys of edges that are public keys", () => {
    const env = readEmbeddedEnv({ BAILIWICK_OBJECTS_LISTEN: "[::1]:8788", BAILIWICK_EDGE_KEYS: `${secret},${secret}` });
    expect(env.BAILIWICK_OBJECTS_LISTEN).toEqual({ host: "::1", port: 8788 });
    expect(env.BAILIWICK_EDGE_KEYS).toHaveLength(2);
    expect(readEmbeddedEnv({}).BAILIWICK_OBJECTS_LISTEN).toBeUndefined();
  });

  it.each([
    ["BAILIWICK_OBJECTS_LISTEN", "8788"],
    ["BAILIWICK_OBJECTS_LISTEN", "127.0.0.1:70000"],
    ["BAILIWICK_EDGE_KEYS", "short"],
  ])("is refused where %s is %s", (name, value) => {
    expect(() => readEmbeddedEnv({ [name]: value })).toThrow(name);
  });
});
