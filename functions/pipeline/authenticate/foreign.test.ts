import { describe, expect, it } from "vitest";
import { CellDirectory } from "../../../shared/contracts/cell-directory.ts";
import { CellId, KeyId, TenantId, type UnixMs } from "../../../shared/contracts/ids.ts";
import type { TenantState, TenantStore } from "../../../shared/contracts/ports/tenant-store.ts";
import { ok } from "../../../shared/contracts/result.ts";
import { apiKeyDigest, mintApiKey } from "../../../shared/crypto/api-key.ts";
import { encodeBase64url } from "../../../shared/crypto/base64url.ts";
import { tenantDigest } from "../../../shared/crypto/tenant-digest.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { configOf, keyOf as identityKey, MAC_KEY, NOW, tenantState } from "../../../test/support/identity.ts";
import { issuerEgress } from "../../../test/support/issuer.ts";
import { type DirectoryView, directoryView } from "../locate/directory-view.ts";
import { createAuthenticator } from "./authenticator.ts";

const cell = (id: string, jurisdiction: string) => ({
  ...{ id, jurisdiction, base_url: `https://${id}.example.com`, hosts: [], forwarding_keys: [] },
});
const VIEW = directoryView(
  CellDirectory.parse({
    ...{ schema_version: 1, version: 1, issued: "2026-11-21T00:00:00Z", expires: "2026-11-22T00:00:00Z" },
    ...{ salt: "s".repeat(43), moved: [], transit: [] },
    cells: [cell("local", "local"), cell("us1", "us")],
    issuers: [{ iss: "https://id.example.com", aud: "api", cell: "us1", transit: "refused" }],
  }),
);
const keyOf = (id: string) =>
  mintApiKey(
    { cell: CellId.parse(id), tenant: TenantId.parse("somebody"), kid: KeyId.parse("0123456789ab") },
    new Uint8Array(32).fill(7),
    new Uint8Array(32).fill(8),
  ).text;
const token = (claims: object) =>
  `${encodeBase64url(utf8('{"alg":"EdDSA","typ":"at+jwt"}'))}.${encodeBase64url(utf8(JSON.stringify(claims)))}.c2ln`;

async function answer(text: string, view: DirectoryView | null) {
  let looked = 0;
  const tenants: Pick<TenantStore, "lookup"> = {
    lookup() {
      looked++;
      return Promise.reject(new Error("nobody asks a tenant's object"));
    },
  };
  const { egress } = issuerEgress([]);
  const authenticator = createAuthenticator({
    cell: { id: "local", endpoint: "https://cell.example.com" },
    ...{ config: configOf(), tenants, keyring: { macKeys: () => [MAC_KEY] }, egress, directory: () => view },
  });
  const context = { host: null, source: null, now: NOW as UnixMs }; // safe because: test moments are milliseconds
  const outcome = await authenticator.authenticate(new Headers({ authorization: `Bearer ${text}` }), context);
  if (outcome.ok) throw new Error("accepted");
  const { slug, extensions } = outcome.error;
  return { slug, home: extensions.members?.cell, base_url: extensions.members?.base_url, looked };
}

/** Where a tenant of the cell `minted` lives now. */
const movedTo = (minted: string, now: string): DirectoryView => ({
  ...VIEW,
  moved: new Map([[tenantDigest(VIEW.salt, minted, "somebody"), now]]),
});

/** With a tenant's object that has the key of `keyOf(minted)`. */
async function served(minted: string, view: DirectoryView, move?: TenantState["move"], then?: TenantState["move"]) {
  const text = keyOf(minted);
  const { record } = identityKey("somebody");
  const key = { ...record, digest: apiKeyDigest(text), kid: KeyId.parse("0123456789ab") };
  const states = [move, then].map((now) => ({ ...tenantState("somebody"), ...(now ? { move: now } : {}) }));
  let looked = 0;
  const tenants: Pick<TenantStore, "lookup"> = {
    async lookup() {
      const state = states[Math.min(looked++, 1)];
      if (state === undefined) throw new Error("no state");
      return ok({ state, key });
    },
  };
  const authenticator = createAuthenticator({
    cell: { id: "local", endpoint: "https://cell.example.com" },
    ...{ config: configOf(), tenants, egress: issuerEgress([]).egress, directory: () => view },
    keyring: { macKeys: () => (minted === "local" ? [new Uint8Array(32).fill(8)] : [MAC_KEY]) },
  });
  const context = { host: null, source: null, now: NOW as UnixMs }; // safe because: test moments are milliseconds
  const ask = () => authenticator.authenticate(new Headers({ authorization: `Bearer ${text}` }), context);
  const told: string[] = [];
  for (const outcome of [await ask(), await ask()])
    told.push(outcome.ok ? "served" : `${outcome.error.slug} ${outcome.error.extensions.members?.cell ?? ""}`.trim());
  return { told, looked };
}

describe("a key of a tenant that moved", () => {
  it("works in its new cell under the directory that says so, and in no other, whatever cell minted it", async () => {
    expect((await served("us1", movedTo("us1", "local"))).told).toEqual(["served", "served"]);
    expect(await served("us1", movedTo("eu9", "local"))).toEqual({
      told: Array(2).fill("data-residency-mismatch us1"),
      looked: 0,
    });
    const altered = { ...movedTo("us1", "local"), salt: "t".repeat(43) };
    expect((await served("us1", altered)).looked).toBe(0);
  });

  it("is sent on by its old cell before anything is asked, also where that cell still has the tenant", async () => {
    const told = ["data-residency-mismatch us1", "data-residency-mismatch us1"];
    const left = { phase: "left", to: "us1" } as const;
    expect(await served("local", movedTo("local", "us1"))).toEqual({ told, looked: 0 });
    expect((await served("local", VIEW, left, left)).told).toEqual(told);
  });

  it("waits while the tenant is on its way, and no longer: what the edge remembers of it is looked up again", async () => {
    const moving = ["tenant-moving", "tenant-moving"];
    for (const phase of ["leaving", "frozen", "arriving", "arrived"] as const)
      expect((await served("local", VIEW, { phase, to: "us1" }, { phase, to: "us1" })).told).toEqual(moving);
    expect((await served("local", VIEW, { phase: "leaving", to: "us1" })).told).toEqual(["served", "served"]);
  });
});

describe("a credential of another cell", () => {
  it("is told its home where the directory names it, whether it is a key or a token, and touches no tenant", async () => {
    const told = { slug: "data-residency-mismatch", home: "us1", base_url: "https://us1.example.com/v1", looked: 0 };
    expect(await answer(keyOf("us1"), VIEW)).toEqual(told);
    expect(await answer(token({ iss: "https://id.example.com", aud: "api" }), VIEW)).toEqual(told);
  });

  it("is refused like any other where no directory names it, so that guesses learn nothing", async () => {
    for (const [text, view] of [
      [keyOf("us1"), null],
      [keyOf("ap1"), VIEW],
      [keyOf("local"), VIEW],
      [token({ iss: "https://x.example.com", aud: "api" }), VIEW],
    ] as const)
      expect(await answer(text, view)).toMatchObject({ slug: "unauthenticated", looked: 0 });
  });
});
