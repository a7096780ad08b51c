import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hostEgress } from "../../functions/adapters/egress/deno.ts";
import { createAuthenticator } from "../../functions/pipeline/authenticate/authenticator.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { configOf, issuerConfig, MAC_KEY, tenantConfig, tenantState, tenantsWith } from "../support/identity.ts";
import { type OpenIdProvider, startOpenIdProvider } from "../support/openid-provider.ts";

let op: OpenIdProvider;
beforeAll(async () => {
  op = await startOpenIdProvider();
});
afterAll(() => op.stop());

function authenticator() {
  const cell = createAuthenticator({
    cell: { id: "local", endpoint: "https://cell.example.com" },
    config: configOf(tenantConfig("a", [issuerConfig({ issuer: op.issuer, network: "operator" })])),
    tenants: tenantsWith([tenantState("a")], [], new Map()),
    keyring: { macKeys: () => [MAC_KEY] },
    egress: hostEgress(),
  });
  return (token: string, afterMs = 0) =>
    cell.authenticate(new Headers({ authorization: `Bearer ${token}` }), {
      host: null,
      source: null,
      now: (Date.now() + afterMs) as UnixMs, // safe because: the provider's clock is this machine's
    });
}

it("lets a client of a real provider in by its access token, with discovery and keys read over HTTP", async () => {
  const token = await op.clientToken("inference:invoke");
  expect(decodeProtectedHeader(token)).toMatchObject({ typ: "at+jwt", alg: "ES256" });
  const outcome = await authenticator()(token);
  expect(outcome).toMatchObject({
    ok: true,
    value: {
      actor: {
        scopes: { tenant: "a" },
        subject: "app",
        kind: "service",
        granted: ["inference:invoke"],
        roles: ["developer"],
      },
    },
  });
  expect(op.requests).toContain("/.well-known/openid-configuration");
});

it("lets a user in by the access token and never by the ID token of the same sign-in", async () => {
  const { access_token, id_token } = await op.userTokens("user-1", "model:read");
  const authenticate = authenticator();
  expect(await authenticate(access_token)).toMatchObject({
    ok: true,
    value: { actor: { subject: "user-1", kind: "user", granted: ["model:read"] } },
  });
  expect(decodeJwt(id_token)).toMatchObject({ iss: op.issuer, sub: "user-1" });
  const refused = await authenticate(id_token);
  expect(refused.ok ? "accepted" : refused.error.slug).toBe("unauthenticated");
});

it("follows the provider's key rotation, and drops the withdrawn key with it", async () => {
  const authenticate = authenticator();
  const old = await op.clientToken("inference:invoke");
  expect((await authenticate(old)).ok).toBe(true);
  await op.rotate("op-2");
  const fresh = await op.clientToken("inference:invoke");
  expect(decodeProtectedHeader(fresh).kid).toBe("op-2");
  expect((await authenticate(fresh, 31_000)).ok).toBe(true);
  expect((await authenticate(old, 31_000)).ok).toBe(false);
});
