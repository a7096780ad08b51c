import { SignJWT } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import type { IssuerConfig } from "../../../shared/contracts/config/snapshot.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import {
  configOf,
  issuerConfig,
  MAC_KEY,
  NOW,
  tenantConfig,
  tenantState,
  tenantsWith,
} from "../../../test/support/identity.ts";
import { issuerEgress, type TestIssuer, testIssuer } from "../../../test/support/issuer.ts";
import { createAuthenticator } from "./authenticator.ts";

const ISS = "https://id.example.com";
const CELL = "https://cell.example.com";
const nowS = NOW / 1000;
const base = {
  iss: ISS,
  aud: CELL,
  sub: "user-1",
  iat: nowS,
  exp: nowS + 600,
  scope: "inference:invoke model:*",
  roles: ["dev"],
};

let op: TestIssuer;
let workloads: TestIssuer;
beforeEach(async () => {
  op = await testIssuer(ISS);
  workloads = await testIssuer("https://spire.example.com");
});

function world(members: Partial<IssuerConfig> = {}, more: IssuerConfig[] = []) {
  const { egress, control } = issuerEgress([op, workloads]);
  const workload = issuerConfig({ issuer: workloads.issuer, kind: "workload", network: "operator" });
  const tenants = tenantsWith([tenantState("a"), tenantState("b")], [], new Map());
  const authenticator = createAuthenticator({
    cell: { id: "local", endpoint: CELL },
    config: configOf(
      tenantConfig("a", [issuerConfig({ issuer: ISS, ...members }), workload]),
      tenantConfig("b", [issuerConfig({ issuer: ISS, audiences: ["https://b.example.com"] }), ...more]),
    ),
    tenants,
    keyring: { macKeys: () => [MAC_KEY] },
    egress,
  });
  const call = (token: string, context: { now?: number; tenant?: string; fresh?: boolean } = {}) =>
    authenticator.authenticate(
      new Headers({
        authorization: `Bearer ${token}`,
        ...(context.tenant === undefined ? {} : { "x-tenant": context.tenant }),
      }),
      // safe because: test moments are milliseconds
      { host: null, source: null, fresh: context.fresh ?? false, now: (context.now ?? NOW) as UnixMs },
    );
  const outcome = async (token: string, context = {}) => {
    const answer = await call(token, context);
    return answer.ok ? "accepted" : answer.error.slug;
  };
  const actor = async (token: string, context = {}) => {
    const answer = await call(token, context);
    if (!answer.ok) throw new Error(answer.error.slug);
    return answer.value.actor;
  };
  return { call, outcome, actor, control, tenants };
}

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

describe("an issuer's keys", () => {
  it("are fetched once for many concurrent calls and cached", async () => {
    const { outcome, control } = world();
    const token = await op.sign(base);
    expect(await Promise.all(Array.from({ length: 20 }, () => outcome(token)))).toEqual(Array(20).fill("accepted"));
    expect(control.seen).toEqual([`${ISS}/.well-known/openid-configuration`, `${ISS}/jwks`]);
  });

  it("are refetched for an unknown kid at most every 30 s, so that made-up kids never become requests", async () => {
    const { outcome, control } = world();
    expect(await outcome(await op.sign(base))).toBe("accepted");
    await op.rotate("k2");
    const rotated = await op.sign(base);
    expect(await outcome(rotated, { now: NOW + 29_999 })).toBe("unauthenticated");
    expect(control.seen).toHaveLength(2);
    expect(await outcome(rotated, { now: NOW + 30_000 })).toBe("accepted");
    for (let kid = 0; kid < 10; kid++)
      expect(await outcome(await op.sign(base, { kid: `made-up-${kid}` }), { now: NOW + 30_001 })).toBe(
        "unauthenticated",
      );
    expect(control.seen).toHaveLength(4);
  });

  it("no longer verify once the issuer has withdrawn them and they were renewed", async () => {
    const { outcome } = world();
    const old = await op.sign(base);
    expect(await outcome(old)).toBe("accepted");
    await op.rotate("k2");
    expect(await outcome(old, { now: NOW + 300_000 })).toBe("unauthenticated");
  });

  it("serve for ten minutes while the issuer fails, and not a moment longer", async () => {
    const { outcome, control } = world();
    const token = async (now: number) => op.sign({ ...base, iat: now / 1000, exp: now / 1000 + 60 });
    expect(await outcome(await token(NOW))).toBe("accepted");
    control.down = true;
    for (const after of [301_000, 400_000, 600_000])
      expect(await outcome(await token(NOW + after), { now: NOW + after }), String(after)).toBe("accepted");
    expect(await outcome(await token(NOW + 600_001), { now: NOW + 600_001 })).toBe("store-unavailable");
    control.down = false;
    expect(await outcome(await token(NOW + 700_000), { now: NOW + 700_000 })).toBe("accepted");
  });

  it("are not asked for again and again while the issuer is down", async () => {
    const { outcome, control } = world();
    control.down = true;
    for (let times = 0; times < 5; times++) expect(await outcome(await op.sign(base))).toBe("store-unavailable");
    expect(control.seen).toHaveLength(1);
  });

  it.each<[string, string, (jwks: unknown) => unknown]>([
    [
      "discovery that names another issuer",
      "/.well-known/openid-configuration",
      () => ({ issuer: "https://evil.example.com", jwks_uri: `${ISS}/jwks` }),
    ],
    [
      "discovery that leads to plain http",
      "/.well-known/openid-configuration",
      () => ({ issuer: ISS, jwks_uri: "http://id.example.com/jwks" }),
    ],
    [
      "a set with a shared secret in it",
      "/jwks",
      () => ({ keys: [...op.jwks.keys, { kty: "oct", kid: "s", k: "AAAA" }] }),
    ],
    ["a set that uses one kid twice", "/jwks", () => ({ keys: [...op.jwks.keys, ...workloads.jwks.keys] })],
    [
      "a set beyond the bound",
      "/jwks",
      () => ({ keys: Array.from({ length: 65 }, (_, at) => ({ ...op.jwks.keys[0], kid: `k${at}` })) }),
    ],
    ["no set at all", "/jwks", () => [1]],
  ])("are not believed from %s", async (_what, path, document) => {
    const { outcome, control } = world();
    control.documents.set(`${ISS}${path}`, document(op.jwks));
    expect(await outcome(await op.sign(base))).toBe("store-unavailable");
  });

  it("are read from the configured URL when the issuer has no discovery document", async () => {
    const { outcome, control } = world({ jwks_uri: "https://keys.example.com/set" });
    control.documents.set("https://keys.example.com/set", op.jwks);
    expect(await outcome(await op.sign(base))).toBe("accepted");
    expect(control.seen).toEqual(["https://keys.example.com/set"]);
  });

  it("verify only algorithms that the issuer's configuration lists", async () => {
    const { outcome } = world({ algorithms: ["RS256"] });
    expect(await outcome(await op.sign(base))).toBe("unauthenticated");
  });

  it.each(["RS256", "PS256", "ES256", "EdDSA"])("verify %s", async (algorithm) => {
    op = await testIssuer(ISS, algorithm);
    const { outcome } = world();
    expect(await outcome(await op.sign(base))).toBe("accepted");
  });
});
