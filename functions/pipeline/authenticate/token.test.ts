import { SignJWT } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import type { IssuerConfig } from "../../../shared/contracts/config/snapshot.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { issuerConfig, NOW } from "../../../test/support/identity.ts";
import { type TestIssuer, testIssuer } from "../../../test/support/issuer.ts";
import { base, CELL, ISS, nowS, tokenWorld } from "../../../test/support/token-world.ts";

let op: TestIssuer;
let workloads: TestIssuer;
beforeEach(async () => {
  op = await testIssuer(ISS);
  workloads = await testIssuer("https://spire.example.com");
});
const world = (members?: Partial<IssuerConfig>, more?: IssuerConfig[]) => tokenWorld({ op, workloads }, members, more);

const spelled = (part: string) => Buffer.from(part).toString("base64url");

describe("access tokens", () => {
  it("make an actor of the tenant that registered issuer and audience", async () => {
    const { call } = world();
    expect(await call(await op.sign(base))).toMatchObject({
      ok: true,
      value: {
        actor: {
          scopes: { tenant: "a", workspace: "default" },
          subject: "user-1",
          kind: "user",
          roles: ["developer"],
          granted: ["inference:invoke", "model:*"],
          kid: null,
          cell_operator: false,
          act: [],
        },
        access: { kid: null, versions: { credential: 0, state: 1, policy: 1 } },
      },
    });
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>?]>([
    ["an ID token", {}, { typ: "JWT" }],
    ["no type", {}, { typ: undefined }],
    ["another issuer", { iss: "https://evil.example.com" }],
    ["an issuer with a slash more", { iss: `${ISS}/` }],
    ["another audience", { aud: "https://other.example.com" }],
    ["no audience", { aud: undefined }],
    ["expired", { iat: nowS - 900, exp: nowS - 31 }],
    ["no expiry", { exp: undefined }],
    ["no issue time", { iat: undefined }],
    ["issued in the future", { iat: nowS + 31, exp: nowS + 60 }],
    ["not yet valid", { nbf: nowS + 31 }],
    ["a life of more than 15 minutes", { exp: nowS + 901 }],
    ["expiry as text", { exp: String(nowS + 60) }],
    ["no subject", { sub: undefined }],
    ["an empty subject", { sub: "" }],
    ["a subject beyond the bound", { sub: "s".repeat(257) }],
    ["a critical extension", {}, { crit: ["exp"], exp: 1 }],
    ["an unencoded payload", {}, { crit: ["b64"], b64: true }],
    ["a payload that is said to be another token", {}, { cty: "jwt" }],
    ["a delegation chain that is no chain", { act: "me" }],
    [
      "a delegation chain without an end",
      {
        act: {
          sub: "1",
          act: {
            sub: "2",
            act: {
              sub: "3",
              act: {
                sub: "4",
                act: { sub: "5", act: { sub: "6", act: { sub: "7", act: { sub: "8", act: { sub: "9" } } } } },
              },
            },
          },
        },
      },
    ],
  ])("are refused with %s", async (_what, claims, header = {}) => {
    const { outcome } = world();
    expect(await outcome(await op.sign(base))).toBe("accepted");
    expect(await outcome(await op.sign({ ...base, ...claims }, header))).toBe("unauthenticated");
  });

  it("are accepted inside the skew of 30 s and as long-lived as their issuer may make them", async () => {
    const { outcome } = world({ lifetime_s_max: 3_600 });
    expect(await outcome(await op.sign({ ...base, iat: nowS - 600, exp: nowS - 29 }))).toBe("accepted");
    expect(await outcome(await op.sign({ ...base, iat: nowS + 29, exp: nowS + 60 }))).toBe("accepted");
    expect(await outcome(await op.sign({ ...base, exp: nowS + 3_600 }))).toBe("accepted");
    expect(await outcome(await op.sign({ ...base, exp: nowS + 3_601 }))).toBe("unauthenticated");
    expect(await outcome(await op.sign(base, { typ: "application/AT+JWT" }))).toBe("accepted");
  });

  it("are refused unsigned, under a shared secret, and under another key, whatever their header says", async () => {
    const { outcome } = world();
    const token = await op.sign(base);
    const [, payload, signature] = token.split(".");
    const unsigned = (header: object) => spelled(JSON.stringify({ typ: "at+jwt", kid: "k1", ...header }));
    const secret = utf8(JSON.stringify(op.jwks.keys[0]));
    const shared = new SignJWT(base).setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: "k1" });
    const stranger = await testIssuer(ISS);
    const own = { jwk: stranger.jwks.keys[0], jku: "https://evil.example.com/jwks" };
    for (const forged of [
      `${unsigned({ alg: "none" })}.${payload}.`,
      `${unsigned({ alg: "none" })}.${payload}.${signature}`,
      `${unsigned({ alg: "ES384" })}.${payload}.${signature}`,
      `${unsigned({ alg: "RS256" })}.${payload}.${signature}`,
      await shared.sign(secret),
      await stranger.sign(base),
      await stranger.sign(base, own),
    ])
      expect(await outcome(forged)).toBe("unauthenticated");
  });

  it("are refused in any second spelling, so that a copy with other bytes is not a second credential", async () => {
    const { outcome } = world();
    const token = await op.sign(base);
    const [header = "", payload = "", signature = ""] = token.split(".");
    const last = signature.at(-1) ?? "";
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const sibling = `${signature.slice(0, -1)}${alphabet[alphabet.indexOf(last) ^ 1]}`;
    for (const other of [
      `${header}.${payload}.${sibling}`,
      `${header}.${payload}.${signature}=`,
      `${header}=.${payload}.${signature}`,
      `${token}.`,
      `.${token}`,
      `${token}.${signature}`,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
    ])
      expect(await outcome(other), other.slice(-12)).toBe("unauthenticated");
  });

  it("are refused when header or claims name a member twice, so that no two readers see two callers", async () => {
    const { outcome } = world();
    const signer = await testIssuer(ISS);
    op.jwks.keys = signer.jwks.keys;
    expect(await outcome(await signer.sign(base))).toBe("accepted");
    const key = (await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    op.jwks.keys = [
      { ...(await crypto.subtle.exportKey("jwk", key.publicKey)), kty: "EC", kid: "k2", key_ops: ["verify"] },
    ];
    const sign = async (header: string, claims: string) => {
      const text = `${spelled(header)}.${spelled(claims)}`;
      const mac = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, utf8(text));
      return `${text}.${Buffer.from(mac).toString("base64url")}`;
    };
    const head = '{"alg":"ES256","typ":"at+jwt","kid":"k2"}';
    const claims = JSON.stringify(base);
    const later = { now: NOW + 40_000 };
    expect(await outcome(await sign(head, claims), later)).toBe("accepted");
    expect(await outcome(await sign(head.replace("{", '{"alg":"none",'), claims), later)).toBe("unauthenticated");
    expect(await outcome(await sign(head, claims.replace("{", '{"sub":"admin",')), later)).toBe("unauthenticated");
    expect(await outcome(await sign(head, `${claims} x`), later)).toBe("unauthenticated");
    expect(await outcome(await sign(head, "[]"), later)).toBe("unauthenticated");
  });
});

describe("tenants of tokens", () => {
  it("come from issuer and audience alone; several audiences need a selection", async () => {
    const { outcome, actor } = world();
    const both = await op.sign({ ...base, aud: [CELL, "https://b.example.com", "https://else.example.com"] });
    expect(await outcome(both)).toBe("forbidden");
    expect((await actor(both, { tenant: "b" })).scopes.tenant).toBe("b");
    expect(await outcome(both, { tenant: "c" })).toBe("forbidden");
    expect(await outcome(await op.sign(base), { tenant: "b" })).toBe("forbidden");
    expect((await actor(await op.sign(base), { tenant: "a" })).scopes.tenant).toBe("a");
    expect(await outcome(await op.sign({ ...base, tenant: "b", tid: "b" }))).toBe("accepted");
  });

  it("are nobody's when two tenants claim one pair, so that neither gets the other's callers", async () => {
    const { outcome } = world({}, [issuerConfig({ issuer: ISS })]);
    expect(await outcome(await op.sign(base))).toBe("unauthenticated");
  });

  it("must exist in the tenant's own object", async () => {
    const { outcome, tenants } = world();
    tenants.lookup = async () => ({ ok: false, error: { reason: "unknown_tenant" } });
    expect(await outcome(await op.sign(base))).toBe("unauthenticated");
  });
});

describe("claims", () => {
  it("map by exact name or by path; values without a row give nothing, a missing claim the defaults", async () => {
    const { actor } = world({
      claims: { workspace: "https://example.com/ws", roles: "realm.roles", scopes: "scp" },
      defaults: { workspace: "default", project: "p1", environment: "e1", roles: ["auditor"] },
    });
    const token = await op.sign({
      ...base,
      "https://example.com/ws": "research",
      realm: { roles: ["boss", "dev", "root", "__proto__", 7, "boss"] },
      scp: ["model:read", "nonsense", "*"],
      acr: "urn:example:loa2",
      amr: ["pwd", "otp", 4],
      act: { sub: "agent-1", act: { sub: "spiffe://example.org/runner" } },
    });
    expect(await actor(token)).toMatchObject({
      scopes: { workspace: "research", project: "p1", environment: "e1" },
      roles: ["admin", "developer"],
      granted: ["model:read", "*"],
      acr: "urn:example:loa2",
      amr: ["pwd", "otp"],
      act: [
        { subject: "agent-1", kind: "service" },
        { subject: "spiffe://example.org/runner", kind: "worker" },
      ],
    });
    expect(await actor(await op.sign(base))).toMatchObject({
      roles: ["auditor"],
      granted: [],
      scopes: { workspace: "default" },
    });
  });

  it("say when the user signed in, and nothing where no time is told, so that nobody counts as fresh by default", async () => {
    const { actor } = world({});
    const at = async (auth_time: unknown) => (await actor(await op.sign({ ...base, auth_time })))?.auth_time_s;
    expect(await at(1_795_000_000.9)).toBe(1_795_000_000);
    for (const none of [undefined, null, "1795000000", -1, 1e12]) expect(await at(none), String(none)).toBeUndefined();
  });

  it("are refused when the workspace is malformed, rather than falling back to another one", async () => {
    const { outcome } = world({ claims: { workspace: "ws", roles: null, scopes: null } });
    for (const ws of ["Not A Name", "", 7, ["default"], null])
      expect(await outcome(await op.sign({ ...base, ws }))).toBe("unauthenticated");
    expect(await outcome(await op.sign({ ...base, ws: "research" }))).toBe("accepted");
  });

  it("never make an operator of the cell, and tell clients from users", async () => {
    const { actor } = world();
    const claimed = await actor(await op.sign({ ...base, cell_operator: true, roles: ["boss"] }));
    expect(claimed).toMatchObject({ cell_operator: false, kind: "user", roles: ["admin"] });
    expect(await actor(await op.sign({ ...base, sub: "client-1", client_id: "client-1" }))).toMatchObject({
      kind: "service",
    });
  });
});

describe("workload tokens", () => {
  const workload = { ...base, iss: "https://spire.example.com", sub: "spiffe://example.org/ns/gpu/worker-1" };

  it("have a SPIFFE subject, live ten minutes at most, and make a worker", async () => {
    const { actor, outcome } = world();
    const who = await actor(await workloads.sign(workload));
    expect(who).toMatchObject({ kind: "worker", subject: workload.sub });
    expect(who.credential).toMatch(/^workload:[0-9a-f]{32}$/);
    expect(await outcome(await workloads.sign({ ...workload, exp: nowS + 601 }))).toBe("unauthenticated");
    for (const sub of [
      "user-1",
      "spiffe://example.org",
      "spiffe://example.org/",
      "spiffe://Example.org/a",
      "spiffe://example.org/a/../b",
      "spiffe://example.org//a",
      "spiffe://example.org/a?b",
      "xspiffe://example.org/a",
    ])
      expect(await outcome(await workloads.sign({ ...workload, sub })), sub).toBe("unauthenticated");
  });
});
