import { beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Lab, Tenant } from "../../support/lab.ts";
import { readLedger } from "../../support/ledger.ts";
import { ALL_ACTIONS, BUNDLE_KEY, policyBundle } from "../../support/policy-bundle.ts";
import { POLICY_TENANTS } from "../../support/test-config.ts";

/** Keys that a tenant registers for its policy bundles, of tenants that no configuration names. */
export function policyKeysSuite(lab: Lab): void {
  let tenant: Tenant;
  let pair: CryptoKeyPair;
  let jwk: JsonObject;
  beforeAll(async () => {
    tenant = await lab.newTenant();
    pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    jwk = { kty: String(kty), crv: String(crv), x: String(x), y: String(y) };
  });
  const register = (kid: string, body: object, key = tenant.adminKey, query = "") =>
    lab.ask(`/v1/policies/keys/${kid}${query}`, { key, method: "PUT", body });
  const upload = async (revision: number, key: string) =>
    lab.ask("/v1/policies/bundles", {
      key: tenant.adminKey,
      method: "PUT",
      headers: { "content-type": "application/gzip" },
      body: await policyBundle({
        tenant: tenant.id,
        revision,
        key,
        signer: { alg: "ES256", key: pair.privateKey },
        actions: ALL_ACTIONS.filter((action) => action !== "inference:invoke"),
      }),
    });
  const invoked = async () =>
    (await lab.ask("/v1/embeddings", { key: tenant.apiKey, body: { model: "embed", input: "x" } })).status;
  const told = async (response: Response) => {
    const document = await response.json();
    return [response.status, document.error?.code ?? null, ...(document.code ? [document.code] : [])];
  };

  describe("a key that a tenant's administrator registers", () => {
    it("lets a tenant that no configuration names put its own policy in force", async () => {
      expect(await told(await upload(1, "team-1"))).toEqual([422, "bundle_invalid", "key_unknown"]);
      const made = await register("team-1", { algorithm: "ES256", public_key: jwk });
      expect([made.status, await made.json()]).toMatchObject([
        200,
        { object: "policy.key", id: "team-1", algorithm: "ES256", public_key: jwk, source: "registered" },
      ]);
      expect((await upload(1, "team-1")).status).toBe(201);
      expect(await invoked()).toBe(200);
      await lab.json("/v1/policies/bundles/1/activate", { key: tenant.adminKey, body: {} });
      expect(await invoked()).toBe(403);
    });

    it("is listed at the version of the policy, and its registration is in the ledger", async () => {
      const { version } = await lab.json("/v1/policies", { key: tenant.adminKey });
      expect(await lab.json("/v1/policies/keys", { key: tenant.adminKey })).toMatchObject({
        data: [{ id: "team-1" }],
        version,
      });
      expect(await lab.json("/v1/policies/keys/team-1", { key: tenant.adminKey })).toMatchObject({ id: "team-1" });
      const { entries } = await readLedger(lab, tenant.adminKey);
      expect(entries.filter(({ kind }) => kind === "policy.key_registered")).toMatchObject([
        { action: "policy:write", detail: { key: { id: "team-1", algorithm: "ES256" } } },
      ]);
    });

    it("stays while it signs what is in force, and is gone on the next request after that", async () => {
      const remove = () => lab.ask("/v1/policies/keys/team-1", { key: tenant.adminKey, method: "DELETE" });
      expect(await told(await remove())).toEqual([422, "limit_reached"]);
      expect(await invoked()).toBe(403);
      await lab.json("/v1/policies/rollback", { key: tenant.adminKey, body: {} });
      const removed = await remove();
      expect([removed.status, (await removed.json()).data]).toEqual([200, []]);
      expect(await invoked()).toBe(200);
      expect(await told(await upload(2, "team-1"))).toEqual([422, "bundle_invalid", "key_unknown"]);
      expect((await lab.ask("/v1/policies/bundles/1/activate", { key: tenant.adminKey, body: {} })).status).toBe(404);
    });

    it("is public, and one that its algorithm can verify with: nothing secret is ever taken", async () => {
      const secret = await crypto.subtle.exportKey("jwk", pair.privateKey);
      const { publicKey } = await crypto.subtle.generateKey(
        { name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
        true,
        ["sign", "verify"],
      );
      const { kty, n, e } = await crypto.subtle.exportKey("jwk", publicKey);
      for (const body of [
        { algorithm: "ES256", public_key: { ...jwk, d: secret.d } },
        { algorithm: "ES384", public_key: jwk },
        { algorithm: "ES256", public_key: { ...jwk, alg: "ES384" } },
        { algorithm: "HS256", public_key: jwk },
        { algorithm: "HS256", secret: "env:PATH" },
        { algorithm: "RS256", public_key: { kty, n, e } },
        { algorithm: "EdDSA", public_key: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n" },
      ])
        expect([JSON.stringify(body).slice(0, 60), (await register("bad", body)).status]).toEqual([
          JSON.stringify(body).slice(0, 60),
          400,
        ]);
      expect((await lab.json("/v1/policies/keys", { key: tenant.adminKey })).data).toEqual([]);
    });

    it("is an administrator's to register, of their own tenant, or an operator's of the cell", async () => {
      const body = { algorithm: "ES256", public_key: jwk };
      expect((await register("mine", body, tenant.apiKey)).status).toBe(403);
      const stranger = await lab.newTenant();
      expect((await register("mine", body, stranger.adminKey, `?tenant=${tenant.id}`)).status).toBe(404);
      expect((await register("theirs", body, lab.cell.adminKey, `?tenant=${tenant.id}`)).status).toBe(200);
      expect((await lab.json("/v1/policies/keys", { key: tenant.adminKey })).data).toMatchObject([{ id: "theirs" }]);
    });

    it("stands beside those of the configuration, which nobody replaces here", async () => {
      const configured = await lab.configuredTenant(POLICY_TENANTS.rows);
      const query = { key: configured.adminKey };
      const body = { algorithm: "ES256", public_key: jwk };
      expect(await told(await register(BUNDLE_KEY, body, configured.adminKey))).toEqual([409, "already_exists"]);
      expect(await lab.json(`/v1/policies/keys/${BUNDLE_KEY}`, query)).toMatchObject({
        source: "configured",
        algorithm: "HS256",
        public_key: null,
      });
      expect((await register("beside", body, configured.adminKey)).status).toBe(200);
      const { data } = await lab.json("/v1/policies/keys", query);
      const sources = data.map(({ id, source }: { id: string; source: string }) => [id, source]);
      expect(sources).toEqual(
        expect.arrayContaining([
          [BUNDLE_KEY, "configured"],
          ["beside", "registered"],
        ]),
      );
      await lab.json("/v1/policies/keys/beside", { ...query, method: "DELETE" });
    });
  });
}
