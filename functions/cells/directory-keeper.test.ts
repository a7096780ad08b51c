import { describe, expect, it } from "vitest";
import { CellId, type UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { ed25519DsseSigner, mlDsa65DsseSigner } from "../../shared/crypto/log/dsse.ts";
import { ed25519PublicKey } from "../../shared/crypto/log/ed25519.ts";
import { keyThumbprint } from "../../shared/crypto/log/jwk-thumbprint.ts";
import { mlDsa65PublicKey } from "../../shared/crypto/log/ml-dsa-65.ts";
import type { TrustedKey } from "../../shared/evidence/keys-file.ts";
import { type DirectoryDocument, signDirectory } from "../../shared/evidence/signed-directory.ts";
import { DirectoryKeeper } from "./directory-keeper.ts";

const T0 = Date.parse("2026-11-21T12:00:00Z");
const seeds = (first: number) =>
  [0, 1].map((at) => Uint8Array.from({ length: 32 }, (_, index) => first + at + index)) as [Uint8Array, Uint8Array]; // safe because: two were made
const [ed, ml] = seeds(1);
const [otherEd, otherMl] = seeds(60);
const trusted = (algorithm: "ed25519" | "mldsa65", publicKey: Uint8Array): TrustedKey => ({
  ...{
    algorithm,
    publicKey,
    kid: keyThumbprint(algorithm, publicKey),
    notBeforeMs: 0,
    notAfterMs: null,
    revoked: null,
  },
});
const KEYS = [trusted("ed25519", ed25519PublicKey(ed)), trusted("mldsa65", mlDsa65PublicKey(ml))];
const SIGNERS = [ed25519DsseSigner(ed), mlDsa65DsseSigner(ml)];

const document = (version: number, more: Partial<DirectoryDocument> = {}): DirectoryDocument => ({
  schema_version: 1,
  version,
  issued: new Date(T0).toISOString(),
  expires: new Date(T0 + 3_600_000).toISOString(),
  salt: "A".repeat(43),
  cells: [
    {
      id: CellId.parse("eu1"),
      jurisdiction: "eu",
      base_url: "https://eu1.example.com",
      hosts: [],
      forwarding_keys: [],
    },
  ],
  moved: [],
  issuers: [],
  transit: [],
  ...more,
});
const signed = (version: number, more: Partial<DirectoryDocument> = {}) =>
  signDirectory(document(version, more), SIGNERS);

function keeper(first: string | Error, options: { versionMin?: number } = {}) {
  let source: string | Error = first;
  let now = T0 + 1_000;
  const faults: (string | null)[] = [];
  const made = new DirectoryKeeper({
    async read() {
      if (source instanceof Error) throw source;
      return source;
    },
    keys: KEYS,
    clock: { now: () => now as UnixMs }, // safe because: a time in ms
    onFault: (fault) => faults.push(fault),
    ...options,
  });
  return {
    faults,
    made,
    at: (ms: number) => {
      now = ms;
    },
    async serve(next: string | Error) {
      source = next;
      await made.refresh();
      return made.current()?.version ?? null;
    },
  };
}

describe("the directory of cells", () => {
  it("goes on with the last good one while its source is gone or broken, and with none once that expired", async () => {
    const { serve, at, made, faults } = keeper("");
    expect(await serve(signed(3))).toBe(3);
    expect(await serve(new Error("no route"))).toBe(3);
    expect(await serve("not a directory")).toBe(3);
    expect(faults.at(-1)).toContain("malformed");
    expect(await serve(signed(4))).toBe(4);
    expect(faults.at(-1)).toBeNull();
    at(T0 + 3_600_000);
    expect(made.current()).toBeNull();
  });

  it("never goes back to an older version, which may name a cell that a tenant left", async () => {
    const { serve, faults } = keeper("");
    expect(await serve(signed(7))).toBe(7);
    expect(await serve(signed(6))).toBe(7);
    expect(faults.at(-1)).toContain("rolled back");
    expect(await keeper("", { versionMin: 8 }).serve(signed(7))).toBeNull();
  });

  it("takes nothing that both kinds of trusted keys did not sign, so that no one of them can move tenants", async () => {
    const both = [ed25519DsseSigner(otherEd), mlDsa65DsseSigner(otherMl)];
    for (const signers of [both, [SIGNERS[0]], [SIGNERS[1]], [SIGNERS[0], both[1]]]) {
      const text = signDirectory(document(1), signers as typeof both); // safe because: none is missing
      expect(await keeper("").serve(text)).toBeNull();
    }
    const text = signed(1);
    const payload = JSON.parse(text).payload as string; // safe because: an envelope has one
    const altered = Buffer.from(Buffer.from(payload, "base64").toString().replace("eu1.example", "us1.example"));
    expect(await keeper("").serve(text.replace(payload, altered.toString("base64")))).toBeNull();
  });

  it("takes none from the future, none that lives too long, and none that contradicts itself", async () => {
    const later = { issued: new Date(T0 + 600_000).toISOString() };
    expect(await keeper("").serve(signed(1, later))).toBeNull();
    const long = new Date(T0 + LIMITS.directoryLifeMsMax + 1).toISOString();
    expect(() => signed(1, { expires: long })).toThrow();
    expect(() => signed(1, { moved: [{ tenant: "B".repeat(43), cell: CellId.parse("us1") }] })).toThrow();
    const [cell] = document(1).cells;
    expect(() => signed(1, { cells: cell ? [cell, cell] : [] })).toThrow();
  });
});
