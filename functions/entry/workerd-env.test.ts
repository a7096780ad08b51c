import { describe, expect, it } from "vitest";
import { EnvUnusable } from "./env-unusable.ts";
import { OutsideJurisdiction } from "./residency.ts";
import { placed, readWorkerdEnv } from "./workerd-env.ts";

const namespace = { getByName: () => ({}) };
const SECRET = "canary".padEnd(43, "A");
const PARTS = ["disk", "keys", "bucket", "database", "limiter", "queue", "telemetry"];
const placesIn = (jurisdiction: string) => PARTS.map((part) => `${part}=${jurisdiction}`).join(" ");
const bindings = (given: Record<string, unknown> = {}) => ({
  TENANT: namespace,
  SESSION: namespace,
  TASK: namespace,
  BATCH: namespace,
  CELL: namespace,
  PUBLIC_EGRESS: { fetch: async () => new Response() },
  BAILIWICK_CELL: "eu1",
  BAILIWICK_JURISDICTION: "eu",
  BAILIWICK_RESIDENCY: placesIn("eu"),
  BAILIWICK_ENDPOINT: "https://eu1.example.com/",
  BAILIWICK_RELEASE: "0.1.0+0123456789abcdef",
  BAILIWICK_ROOT_SECRET: SECRET,
  ...given,
});
const refusal = (given: Record<string, unknown>): string => {
  try {
    readWorkerdEnv(bindings(given));
  } catch (cause) {
    if (cause instanceof EnvUnusable) return cause.message;
    throw cause;
  }
  return "accepted";
};

describe("the bindings of a Workers-style cell", () => {
  it("are parsed once: no slash at the end of the endpoint, 32 bytes of secret, the built-in configuration by default", () => {
    const env = readWorkerdEnv(bindings());
    expect(env.BAILIWICK_ENDPOINT).toBe("https://eu1.example.com");
    expect(env.BAILIWICK_ROOT_SECRET).toHaveLength(32);
    expect(env.BAILIWICK_CONFIG_JSON).toEqual({});
    expect(Object.isFrozen(env)).toBe(true);
  });

  it("are parsed once however many objects of an isolate ask, so that no object's start costs a parse", () => {
    let reads = 0;
    const given = Object.defineProperty(bindings(), "BAILIWICK_CELL", {
      enumerable: true,
      get: () => {
        reads++;
        return "eu1";
      },
    });
    const first = readWorkerdEnv(given);
    const parsed = reads;
    expect(readWorkerdEnv(given)).toBe(first);
    expect(reads).toBe(parsed);
    expect(readWorkerdEnv(bindings())).not.toBe(first);
  });

  it.each([
    ["a short root secret", { BAILIWICK_ROOT_SECRET: "canary" }, "BAILIWICK_ROOT_SECRET"],
    ["no object namespace", { TENANT: undefined }, "TENANT"],
    ["something else in a namespace's place", { CELL: "canary" }, "CELL"],
    ["configuration that is no JSON", { BAILIWICK_CONFIG_JSON: "{canary" }, "BAILIWICK_CONFIG_JSON"],
    ["a bootstrap without keys", { BAILIWICK_BOOTSTRAP: '{"tenant":"canary"}' }, "BAILIWICK_BOOTSTRAP"],
    [
      "an operator's key in place of its digest",
      { BAILIWICK_OPERATOR_KEY: '{"tenant":"ops","kid":"0123456789ab","digest":"canary"}' },
      "BAILIWICK_OPERATOR_KEY",
    ],
    ["an unknown jurisdiction", { BAILIWICK_JURISDICTION: "canary" }, "BAILIWICK_JURISDICTION"],
    ["an endpoint that is no web address", { BAILIWICK_ENDPOINT: "file:///canary" }, "BAILIWICK_ENDPOINT"],
    ["half a limiter", { UPSTASH_REDIS_REST_URL: "https://canary.example.com" }, "UPSTASH_REDIS_REST_TOKEN"],
    ["no public network on stock workerd", { PUBLIC_EGRESS: undefined }, "PUBLIC_EGRESS"],
  ])("%s is refused by name and never quoted, so that no log holds a secret", (_, given, name) => {
    expect(refusal(given)).toContain(name);
    expect(refusal(given)).not.toContain("canary");
  });

  it("names everything that is wrong at once", () => {
    const message = refusal({ BAILIWICK_CELL: "", BAILIWICK_RELEASE: "1", TASK: null });
    for (const name of ["BAILIWICK_CELL", "BAILIWICK_RELEASE", "TASK"]) expect(message).toContain(name);
  });

  it("hands the configuration its own variables and none of the cell's, so that a provider is never sent the root secret", () => {
    const env = readWorkerdEnv(bindings({ PROVIDER_KEY: "k", EMPTY: "", NEON_DATABASE_URL: "postgres://x" }));
    expect(env.variable("PROVIDER_KEY")).toBe("k");
    for (const name of ["EMPTY", "ABSENT", "BAILIWICK_ROOT_SECRET", "NEON_DATABASE_URL", "TENANT", "toString"])
      expect(env.variable(name)).toBeNull();
  });

  it("prints no secret", () => {
    const env = readWorkerdEnv(
      bindings({
        NEON_DATABASE_URL: "postgres://canary",
        UPSTASH_REDIS_REST_URL: "https://redis.example.com",
        UPSTASH_REDIS_REST_TOKEN: "canary",
      }),
    );
    expect(JSON.stringify([env.NEON_DATABASE_URL, env.UPSTASH_REDIS_REST_TOKEN])).not.toContain("canary");
  });
});

describe("where objects lie", () => {
  const places: string[] = [];
  const placeable = {
    getByName: () => ({}),
    jurisdiction: (name: string) => {
      places.push(name);
      return namespace;
    },
  };

  it.each(["eu", "us", "fedramp", "fedramp-high"])(
    "a deployed cell in %s places every object there",
    (jurisdiction) => {
      const env = readWorkerdEnv(
        bindings({
          BAILIWICK_PLATFORM: "cloudflare",
          BAILIWICK_JURISDICTION: jurisdiction,
          BAILIWICK_RESIDENCY: placesIn(jurisdiction),
          PUBLIC_EGRESS: undefined,
        }),
      );
      expect(placed(env, placeable)).toBe(namespace);
      expect(places.at(-1)).toBe(jurisdiction);
    },
  );

  it("stock workerd keeps them on its own disk, whatever the jurisdiction is called", () => {
    const asked = places.length;
    expect(placed(readWorkerdEnv(bindings()), placeable)).toBe(placeable);
    expect(places).toHaveLength(asked);
  });

  const bound = { member: "of a binding", fetch: () => null, list: () => null };
  it.each([
    ["keys", { BAILIWICK_PLATFORM: "cloudflare" }],
    ["disk", {}],
    ["bucket", { ARCHIVE: bound }],
    ["database", { NEON_DATABASE_URL: "postgres://cell:secret@db.example.com/cell" }],
    ["limiter", { UPSTASH_REDIS_REST_URL: "https://redis.example.com", UPSTASH_REDIS_REST_TOKEN: "token" }],
    ["queue", { BAILIWICK_SQS_PREFIX: "eu1" }],
    ["telemetry", { OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example.com" }],
  ])("does not start with its %s in another jurisdiction, or where nobody says it lies", (part, given) => {
    const said = placesIn("eu");
    expect(readWorkerdEnv(bindings(given)).BAILIWICK_RESIDENCY).toMatchObject({ [part]: "eu" });
    for (const wrong of [said.replace(`${part}=eu`, `${part}=us`), said.replace(`${part}=eu`, "")])
      expect(() => readWorkerdEnv(bindings({ ...given, BAILIWICK_RESIDENCY: wrong }))).toThrow(OutsideJurisdiction);
  });

  it("a deployed cell that cannot place them does not start, so that nothing is stored outside by mistake", () => {
    const env = readWorkerdEnv(bindings({ BAILIWICK_PLATFORM: "cloudflare" }));
    expect(() => placed(env, namespace)).toThrow(EnvUnusable);
    expect(refusal({ BAILIWICK_PLATFORM: "cloudflare", BAILIWICK_JURISDICTION: "local" })).toContain(
      "BAILIWICK_JURISDICTION",
    );
  });
});
