import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { IssuerConfig } from "../../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { NOW } from "../../../test/support/identity.ts";
import { type TestIssuer, testIssuer } from "../../../test/support/issuer.ts";
import { base, ISS, nowS, tokenWorld } from "../../../test/support/token-world.ts";

let op: TestIssuer;
let workloads: TestIssuer;
beforeEach(async () => {
  op = await testIssuer(ISS);
  workloads = await testIssuer("https://spire.example.com");
});
afterEach(() => void vi.restoreAllMocks());
const world = (members?: Partial<IssuerConfig>) => tokenWorld({ op, workloads }, members);

describe("a token that verified before", () => {
  it("is verified once a minute, so that signatures are no cost of every call", async () => {
    const { outcome } = world();
    const verify = vi.spyOn(crypto.subtle, "verify");
    const token = await op.sign(base);
    const ageMs = LIMITS.tokenCacheMsMax;
    for (const after of [0, 1, ageMs]) expect(await outcome(token, { now: NOW + after })).toBe("accepted");
    expect(await outcome(token, { now: NOW + 1, fresh: true })).toBe("accepted");
    expect(verify).toHaveBeenCalledTimes(1);
    expect(await outcome(token, { now: NOW + ageMs + 1 })).toBe("accepted");
    expect(verify).toHaveBeenCalledTimes(2);
  });

  it("vouches for no other: each token has its own signature checked, refused ones each time", async () => {
    const { outcome } = world();
    const verify = vi.spyOn(crypto.subtle, "verify");
    const [mine, yours] = [await op.sign(base), await op.sign({ ...base, sub: "user-2" })];
    expect([await outcome(mine), await outcome(yours)]).toEqual(["accepted", "accepted"]);
    const forged = [...yours.split(".").slice(0, 2), mine.split(".")[2]].join(".");
    for (const _ of [1, 2]) expect(await outcome(forged)).toBe("unauthenticated");
    expect(verify).toHaveBeenCalledTimes(4);
  });

  it("expires on time", async () => {
    const { outcome } = world();
    const token = await op.sign({ ...base, exp: nowS + 10 });
    expect(await outcome(token)).toBe("accepted");
    expect(await outcome(token, { now: NOW + 39_999 })).toBe("accepted");
    expect(await outcome(token, { now: NOW + 40_000 })).toBe("unauthenticated");
  });

  it.each<[string, Partial<IssuerConfig>]>([
    ["another issuer", { issuer: "https://other.example.com" }],
    ["another audience", { audiences: ["https://other.example.com"] }],
    ["other algorithms", { algorithms: ["RS256"] }],
    ["shorter lives", { lifetime_s_max: 60 }],
    ["another key set", { jwks_uri: "https://keys.example.com/set" }],
  ])("is refused as soon as the configuration in force names %s", async (_what, changed) => {
    const { outcome, reconfigure, control } = world();
    control.documents.set("https://keys.example.com/set", { keys: [] });
    const token = await op.sign(base);
    expect(await outcome(token)).toBe("accepted");
    reconfigure(changed);
    expect(await outcome(token)).toBe("unauthenticated");
    reconfigure({});
    expect(await outcome(token)).toBe("accepted");
  });

  it("has the roles that the configuration in force gives it", async () => {
    const { actor, reconfigure } = world();
    const token = await op.sign(base);
    expect((await actor(token)).roles).toEqual(["developer"]);
    reconfigure({ role_map: { dev: "auditor" } });
    expect((await actor(token)).roles).toEqual(["auditor"]);
  });

  it("is refused as soon as its key is known to be withdrawn, even if the next key has the same name", async () => {
    const { outcome } = world();
    const old = await op.sign(base);
    expect(await outcome(old)).toBe("accepted");
    await op.rotate("k1");
    // A token that names no known key makes the cell ask the issuer again.
    expect(await outcome(await op.sign(base, { kid: "k2" }), { now: NOW + 30_000 })).toBe("unauthenticated");
    expect(await outcome(old, { now: NOW + 30_001 })).toBe("unauthenticated");
    expect(await outcome(await op.sign(base), { now: NOW + 30_001 })).toBe("accepted");
  });
});
