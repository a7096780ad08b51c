import { beforeEach, describe, expect, it } from "vitest";
import type { IssuerConfig } from "../../../shared/contracts/config/snapshot.ts";
import { NOW } from "../../../test/support/identity.ts";
import { type TestIssuer, testIssuer } from "../../../test/support/issuer.ts";
import { base, ISS, tokenWorld } from "../../../test/support/token-world.ts";

let op: TestIssuer;
let workloads: TestIssuer;
beforeEach(async () => {
  op = await testIssuer(ISS);
  workloads = await testIssuer("https://spire.example.com");
});
const world = (members?: Partial<IssuerConfig>) => tokenWorld({ op, workloads }, members);

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
