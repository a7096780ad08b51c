import { describe, expect, it } from "vitest";
import { CellDirectory } from "../../../shared/contracts/cell-directory.ts";
import { CellId, KeyId, TenantId } from "../../../shared/contracts/ids.ts";
import { mintApiKey } from "../../../shared/crypto/api-key.ts";
import { encodeBase64url } from "../../../shared/crypto/base64url.ts";
import { tenantDigest } from "../../../shared/crypto/tenant-digest.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { directoryView } from "./directory-view.ts";
import { homeOf, selectedMayPass } from "./home-of.ts";
import { SeenNonces } from "./seen-nonces.ts";

const salt = "s".repeat(43);
const cell = (id: string, jurisdiction: string) => ({
  ...{ id, jurisdiction, base_url: `https://${id}.example.com`, hosts: [`${id}.api.example.com`], forwarding_keys: [] },
});
const view = directoryView(
  CellDirectory.parse({
    schema_version: 1,
    version: 1,
    issued: "2026-11-21T00:00:00Z",
    expires: "2026-11-22T00:00:00Z",
    salt,
    cells: [cell("eu1", "eu"), cell("eu2", "eu"), cell("us1", "us")],
    moved: [{ tenant: tenantDigest(salt, "eu1", "moved"), cell: "eu2" }],
    issuers: [
      { iss: "https://id.example.com", aud: "api", cell: "eu1", transit: "allowed" },
      { iss: "https://id.example.com", aud: "other", cell: "eu1", transit: "refused" },
      { iss: "https://id.example.com", aud: "far", cell: "us1", transit: "allowed" },
    ],
    transit: [tenantDigest(salt, "eu1", "open")],
  }),
);
const key = (cellId: string, tenant: string) =>
  mintApiKey(
    { cell: CellId.parse(cellId), tenant: TenantId.parse(tenant), kid: KeyId.parse("0123456789ab") },
    new Uint8Array(32).fill(7),
    new Uint8Array(32).fill(9),
  ).text;
const token = (claims: object) =>
  `${encodeBase64url(utf8('{"alg":"EdDSA","typ":"at+jwt"}'))}.${encodeBase64url(utf8(JSON.stringify(claims)))}.c2ln`;
const home = (text: string, bearer = true) => {
  const found = homeOf(view, { text, bearer });
  return found === null ? null : `${found.cell.id} ${found.transit ? "passes" : "stays"}`;
};

describe("where a call belongs", () => {
  it("follows a key's prefix, and the directory where the tenant moved, so that its keys keep working", () => {
    expect(home(key("eu1", "open"))).toBe("eu1 passes");
    expect(home(key("eu1", "open"), false)).toBe("eu1 passes");
    expect(home(key("eu1", "moved"))).toBe("eu2 stays");
    expect(home(key("us1", "anybody"))).toBe("us1 stays");
  });

  it("takes a tenant of the same name in another cell for another tenant, so that it opens nothing for it", () => {
    expect(home(key("us1", "open"))).toBe("us1 stays");
    const us1 = view.cells.get("us1");
    const eu1 = view.cells.get("eu1");
    if (!us1 || !eu1) throw new Error("no cells");
    expect([null, "open", "anybody"].map((selected) => selectedMayPass(view, eu1, selected))).toEqual([
      true,
      true,
      false,
    ]);
    expect(selectedMayPass(view, us1, "open")).toBe(false);
  });

  it("knows no home for cells that are not there and for keys with an error in them", () => {
    expect(home(key("ap1", "open"))).toBeNull();
    const good = key("eu1", "open");
    expect(home(`${good.slice(0, -1)}${good.endsWith("0") ? "1" : "0"}`)).toBeNull();
    expect(home("bw_eu1_open")).toBeNull();
  });

  it("follows the issuer and audience of a token, and passes only what every one of them allows", () => {
    const iss = "https://id.example.com";
    expect(home(token({ iss, aud: "api" }))).toBe("eu1 passes");
    expect(home(token({ iss, aud: ["api", "other"] }))).toBe("eu1 stays");
    expect(home(token({ iss, aud: ["api", "far"] }))).toBeNull();
    expect(home(token({ iss, aud: "nobody" }))).toBeNull();
    expect(home(token({ iss: "https://x.example.com", aud: "api" }))).toBeNull();
    expect(home(token({ iss, aud: "api" }), false)).toBeNull();
    for (const junk of ["a.b.c", "x", `${token({ iss, aud: "api" })}.d`]) expect(home(junk)).toBeNull();
  });
});

describe("one-time numbers", () => {
  it("counts each once for as long as its header lives, and takes none that it could not remember", () => {
    const seen = new SeenNonces(2);
    expect(seen.take("a", 100, 0)).toBe("fresh");
    expect(seen.take("a", 100, 99)).toBe("seen");
    expect(seen.take("b", 150, 0)).toBe("fresh");
    expect(seen.take("c", 160, 50)).toBe("full");
    expect(seen.take("c", 160, 100)).toBe("fresh");
    expect(seen.take("b", 150, 100)).toBe("seen");
  });
});
