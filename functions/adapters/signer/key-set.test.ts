import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { SignerUnavailable, type VerifierKey } from "../../../shared/contracts/ports/signer.ts";
import { decodeBase64url } from "../../../shared/crypto/base64url.ts";
import { encodeBase64 } from "../../../shared/crypto/log/base64.ts";
import { type DsseKeys, parseDsse, verifyDsse } from "../../../shared/crypto/log/dsse.ts";
import { openNote } from "../../../shared/crypto/log/note.ts";
import { formatStatement } from "../../../shared/crypto/log/statement.ts";
import type { KeyPair } from "./key-document.ts";
import { ms, pairOf } from "./key-pairs.fixture.ts";
import { keySetSigner } from "./key-set.ts";
import { SigningRefused } from "./signing-rules.ts";

const ORIGIN = "bailiwick.example.com/default";
const ROOT = encodeBase64(new Uint8Array(32).fill(9));
const checkpoint = { origin: ORIGIN, size: 5, root: ROOT };
const statement = (predicateType = "https://bailiwick.example.com/evidence/task/v1") =>
  new TextDecoder().decode(
    formatStatement({
      subject: [{ name: `${ORIGIN}#0`, digest: { sha256: "00".repeat(32) } }],
      predicateType,
      predicate: { schema_version: 1 },
    }),
  );

function world(pairs: KeyPair[], at = "2026-11-15T00:00:00Z") {
  const state = { pairs, now: ms(at) };
  const signer = keySetSigner({ pairs: () => state.pairs, clock: { now: () => state.now } });
  return { state, signer };
}
const bytesOf = ({ jwk }: VerifierKey) => decodeBase64url(jwk.x ?? jwk.pub ?? "") ?? new Uint8Array();
const of = (keys: readonly VerifierKey[], alg: VerifierKey["alg"]) =>
  keys.filter((key) => key.alg === alg).map(bytesOf);
const trust = (keys: readonly VerifierKey[]): DsseKeys => ({
  ed25519: of(keys, "Ed25519"),
  mldsa65: of(keys, "ML-DSA-65"),
});
const opened = (dsse: string, keys: readonly VerifierKey[], policy: "both" | "mldsa65") => {
  const envelope = parseDsse(dsse);
  if (envelope === null) throw new Error("no envelope");
  return verifyDsse(envelope, trust(keys), policy);
};
const notesOf = (keys: readonly VerifierKey[]) => of(keys, "Ed25519").map((publicKey) => ({ name: ORIGIN, publicKey }));
const keysOf = async (pair: KeyPair) => world([pair]).signer.keys();

describe("a key set signs", () => {
  it("a checkpoint's note and envelope over the very same text", async () => {
    const { signer } = world([pairOf(1)]);
    const { note, dsse } = await signer.signCheckpoint(checkpoint);
    const text = `${ORIGIN}\n5\n${ROOT}\n`;
    expect(openNote(note, notesOf(await signer.keys()))).toMatchObject({ ok: true, value: { text, unverified: [] } });
    const envelope = opened(dsse, await signer.keys(), "mldsa65");
    expect(envelope).toMatchObject({
      ok: true,
      value: { payloadType: "application/vnd.bailiwick.checkpoint", unknown: 0 },
    });
    expect(envelope.ok && new TextDecoder().decode(envelope.value.body)).toBe(text);
  });

  it("during a rotation with both pairs, so that a verifier that knows either key accepts", async () => {
    const [old, fresh] = [pairOf(1), pairOf(2, { notBeforeMs: ms("2026-11-10T00:00:00Z") })];
    const { signer } = world([old, fresh]);
    const { note, dsse } = await signer.signCheckpoint(checkpoint);
    const envelope = await signer.signStatement(statement());
    for (const pair of [old, fresh]) {
      const keys = await keysOf(pair);
      expect(openNote(note, notesOf(keys))).toMatchObject({ ok: true, value: { verified: [{ name: ORIGIN }] } });
      expect(opened(dsse, keys, "mldsa65")).toMatchObject({ ok: true, value: { unknown: 1 } });
      expect(opened(envelope, keys, "both")).toMatchObject({ ok: true, value: { unknown: 2 } });
    }
    expect(opened(envelope, await keysOf(pairOf(3)), "both")).toMatchObject({
      ok: false,
      error: { reason: "key_unknown" },
    });
  });

  it("never with a revoked pair, one that has ended or one that has not begun", async () => {
    const silent = [
      pairOf(1, { revoked: { at_ms: ms("2026-12-01T00:00:00Z"), reason: "compromised" } }),
      pairOf(2, { notAfterMs: ms("2026-11-15T00:00:00Z") }),
      pairOf(3, { notBeforeMs: ms("2026-11-15T00:00:00.001Z") }),
    ];
    const { signer } = world([...silent, pairOf(4)]);
    const { note, dsse } = await signer.signCheckpoint(checkpoint);
    const envelope = await signer.signStatement(statement());
    for (const pair of silent) {
      const keys = await keysOf(pair);
      expect(openNote(note, notesOf(keys))).toMatchObject({ ok: false, error: { reason: "no_trusted_signature" } });
      expect(opened(dsse, keys, "mldsa65")).toMatchObject({ ok: false });
      expect(opened(envelope, keys, "both")).toMatchObject({ ok: false });
    }
    expect(parseDsse(envelope)?.signatures).toHaveLength(2);
  });

  it("the same bytes for the same checkpoint, so that a write repeated after a crash finds what it wrote", async () => {
    const first = await world([pairOf(1)]).signer.signCheckpoint(checkpoint);
    expect(await world([pairOf(1)], "2026-11-16T00:00:00Z").signer.signCheckpoint(checkpoint)).toEqual(first);
  });

  it("nothing when no pair is in force", async () => {
    const { signer, state } = world([pairOf(1)], "2026-10-31T23:59:59.999Z");
    await expect(signer.signCheckpoint(checkpoint)).rejects.toThrow(SignerUnavailable);
    await expect(signer.signStatement(statement())).rejects.toThrow(SignerUnavailable);
    state.now = (state.now + 1) as UnixMs; // safe because: a time in ms
    await expect(signer.signCheckpoint(checkpoint)).resolves.toHaveProperty("note");
  });

  it.each([
    ["another party's predicate", statement("https://slsa.dev/provenance/v1")],
    ["a predicate that only begins like ours", statement("https://bailiwick.example.com/evidence/task/v1/x")],
    ["a text that is not canonical", `${statement()} `],
    ["no statement", '{"predicateType":"https://bailiwick.example.com/evidence/task/v1"}'],
  ])("no %s, so that the cell's key vouches for its own evidence alone", async (_name, text) => {
    await expect(world([pairOf(1)]).signer.signStatement(text)).rejects.toThrow(SigningRefused);
  });

  it.each([
    { ...checkpoint, origin: "bailiwick.example.com" },
    { ...checkpoint, origin: "bailiwick.example.com/a b" },
    { ...checkpoint, origin: "bailiwick.example.com/a+b" },
    { ...checkpoint, origin: `${ORIGIN}\nsecond line` },
    { ...checkpoint, origin: `https://${ORIGIN}` },
    { ...checkpoint, origin: `${ORIGIN}/${"x".repeat(256)}` },
    { ...checkpoint, size: -1 },
    { ...checkpoint, size: 0.5 },
    { ...checkpoint, root: ROOT.slice(4) },
    { ...checkpoint, root: `${ROOT}\n` },
  ])("no checkpoint that no log could have: %j", async (wrong) => {
    await expect(world([pairOf(1)]).signer.signCheckpoint(wrong)).rejects.toThrow(SigningRefused);
  });
});

describe("a key set lists", () => {
  it("every key with its times, newest first, ended and revoked ones too, so that old evidence stays verifiable", async () => {
    const revoked = { at_ms: ms("2026-11-05T00:00:00Z"), reason: "superseded" } as const;
    const { signer } = world([pairOf(1, { revoked }), pairOf(2, { notBeforeMs: ms("2026-11-10T00:00:00Z") })]);
    const keys = await signer.keys();
    expect(keys.map(({ alg, revoked }) => [alg, revoked?.reason ?? null])).toEqual([
      ["Ed25519", null],
      ["ML-DSA-65", null],
      ["Ed25519", "superseded"],
      ["ML-DSA-65", "superseded"],
    ]);
    expect(keys.map(bytesOf).map(({ length }) => length)).toEqual([32, 1952, 32, 1952]);
    expect(JSON.stringify(keys)).not.toMatch(/seed|"d"/);
  });

  it("thumbprints by RFC 7638: the example of RFC 8037, appendix A.3", async () => {
    const seed = decodeBase64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A") ?? new Uint8Array();
    const [key] = await keysOf(pairOf(1, { ed25519Seed: seed }));
    expect(key).toMatchObject({
      kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
      jwk: { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
    });
  });

  it("what is in the document now, so that a revocation counts from the next signature on", async () => {
    const { signer, state } = world([pairOf(1), pairOf(2)]);
    await signer.signStatement(statement());
    state.pairs = [pairOf(1, { revoked: { at_ms: state.now, reason: "compromised" } }), pairOf(2)];
    expect(parseDsse(await signer.signStatement(statement()))?.signatures).toHaveLength(2);
  });
});
