import { describe, expect, it } from "vitest";
import { CellDirectory } from "../../../shared/contracts/cell-directory.ts";
import { CellId, KeyId, TenantId, type UnixMs } from "../../../shared/contracts/ids.ts";
import type { TenantStore } from "../../../shared/contracts/ports/tenant-store.ts";
import { mintApiKey } from "../../../shared/crypto/api-key.ts";
import { encodeBase64url } from "../../../shared/crypto/base64url.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { configOf, MAC_KEY, NOW } from "../../../test/support/identity.ts";
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
