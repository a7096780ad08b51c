import { beforeEach, describe, expect, it } from "vitest";
import type { PoolConfig, PoolIssuer } from "../../../shared/contracts/config/snapshot.ts";
import { NOW } from "../../../test/support/identity.ts";
import { issuerEgress, type TestIssuer, testIssuer } from "../../../test/support/issuer.ts";
import { serviceAccounts } from "./service-account.ts";

const ISS = "https://kubernetes.example.com";
const SUBJECT = "system:serviceaccount:gpu:worker";
const claims = { iss: ISS, aud: ["bailiwick"], sub: SUBJECT, iat: NOW / 1_000, exp: NOW / 1_000 + 3_600 };
const issuerOf = (members: Partial<PoolIssuer> = {}): PoolIssuer => ({
  ...{ issuer: ISS, audiences: ["bailiwick"], subjects: [SUBJECT], algorithms: ["ES256"], lifetime_s_max: 3_600 },
  ...{ jwks_uri: null, network: "tenant", tenants: null, workspaces: null, environments: null },
  ...members,
});
const pool = (...issuers: PoolIssuer[]): PoolConfig => ({
  ...{ name: "gpu", issuers, scale_from_zero: false, cold_start_ms: 0, max_wait_ms: 60_000 },
});

let cluster: TestIssuer;
let other: TestIssuer;
beforeEach(async () => {
  cluster = await testIssuer(ISS);
  other = await testIssuer("https://other.example.com");
});
const verify = (config: PoolConfig, token: string, now: number = NOW) =>
  serviceAccounts(issuerEgress([cluster, other]).egress)(config, token, now);
const BAD = { ok: false, error: { reason: "bad_credential" } };

describe("a service account's token", () => {
  it("is taken for the pool that names it, with what that restricts it to", async () => {
    const token = await cluster.sign(claims, { typ: "JWT" });
    expect(await verify(pool(issuerOf({ tenants: ["acme"] })), token)).toMatchObject({
      ok: true,
      value: { subject: SUBJECT, issuer: { tenants: ["acme"] } },
    });
  });

  it("is refused for a pool that does not name its issuer, audience and subject, so that no pod joins by being there", async () => {
    const token = await cluster.sign(claims);
    for (const members of [
      { issuer: "https://other.example.com" },
      { audiences: ["something-else"] },
      { subjects: ["system:serviceaccount:gpu:other"] },
      { algorithms: ["RS256"] },
    ])
      expect(await verify(pool(issuerOf(members)), token), JSON.stringify(members)).toEqual(BAD);
    expect(await verify(pool(), token)).toEqual(BAD);
  });

  it("is refused when another issuer signed it, when it has ended, and when it lives longer than the pool allows", async () => {
    expect(await verify(pool(issuerOf()), await other.sign(claims))).toEqual(BAD);
    const token = await cluster.sign(claims);
    expect(await verify(pool(issuerOf()), token, NOW + 3_600_000 + 31_000)).toEqual(BAD);
    expect(await verify(pool(issuerOf({ lifetime_s_max: 600 })), token)).toEqual(BAD);
    for (const text of ["", "a.b.c", `${token}x`]) expect(await verify(pool(issuerOf()), text)).toEqual(BAD);
  });
});
