import { expect } from "vitest";
import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import type { VerifierKey } from "../../shared/contracts/ports/signer.ts";
import { decodeBase64url } from "../../shared/crypto/base64url.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { decodeBase64, encodeBase64 } from "../../shared/crypto/log/base64.ts";
import { type Checkpoint, parseCheckpoint } from "../../shared/crypto/log/checkpoint.ts";
import { type DsseKeys, parseDsse, verifyDsse } from "../../shared/crypto/log/dsse.ts";
import { openNote } from "../../shared/crypto/log/note.ts";
import { parseStatement, STATEMENT_PAYLOAD_TYPE, type Statement } from "../../shared/crypto/log/statement.ts";
import { hashesOfTile, hashOfNode, parseTilePath, tileOfNode } from "../../shared/crypto/log/tiles.ts";
import { leafHash, rootOfLeaves, verifyInclusion } from "../../shared/crypto/log/tree.ts";
import { foldNodes, rootNodes } from "../../shared/crypto/log/tree-nodes.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";

/** A verifier for tests, made of the formats alone: it throws at the first thing that docs/ledger.md demands and is not so. */
const text = (bytes: Uint8Array): string => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const must = <T>(value: T | null | undefined, what: string): T => {
  if (value === null || value === undefined) throw new Error(what);
  return value;
};
// biome-ignore lint/suspicious/noExplicitAny: the tests assert what they read
export type Read = any;

export function trusted(keys: readonly VerifierKey[]): DsseKeys {
  const of = (alg: VerifierKey["alg"], member: string) =>
    keys.filter((key) => key.alg === alg).map(({ jwk }) => must(decodeBase64url(jwk[member] ?? ""), "a key"));
  return { ed25519: of("Ed25519", "x"), mldsa65: of("ML-DSA-65", "pub") };
}

function openStatement(envelope: string, keys: DsseKeys): Statement {
  const verified = verifyDsse(must(parseDsse(envelope), "an envelope"), keys, "both");
  if (!verified.ok) throw new Error(`envelope: ${verified.error.reason}`);
  expect(verified.value.payloadType).toBe(STATEMENT_PAYLOAD_TYPE);
  return must(parseStatement(verified.value.body), "a canonical statement");
}

function openCheckpoint(note: string, dsse: string, origin: string, keys: DsseKeys): Checkpoint {
  const opened = openNote(
    note,
    keys.ed25519.map((publicKey) => ({ name: origin, publicKey })),
  );
  if (!opened.ok) throw new Error(`note: ${opened.error.reason}`);
  const enveloped = verifyDsse(must(parseDsse(dsse), "an envelope"), keys, "mldsa65");
  if (!enveloped.ok) throw new Error(`checkpoint envelope: ${enveloped.error.reason}`);
  expect(text(enveloped.value.body)).toBe(opened.value.text);
  const checkpoint = must(parseCheckpoint(opened.value.text), "a checkpoint");
  expect(checkpoint.origin).toBe(origin);
  return checkpoint;
}

function chained(entries: readonly { index: number; entry: string }[]): void {
  let before: { index: number; hash: string } | null = null;
  for (const { index, entry } of entries) {
    const value = JSON.parse(entry) as JsonObject; // safe because: compared with its canonical form
    expect(canonicalJson(value)).toBe(entry);
    expect(value.seq).toBe(index);
    if (before?.index === index - 1) expect(value.prev).toBe(before.hash);
    before = { index, hash: encodeHex(leafHash(utf8(entry))) };
  }
}

/** The predicate of a task's evidence, after all that docs/ledger.md §4 demands of signatures, entries and proofs. */
export function checkTaskEvidence(envelope: string, keys: DsseKeys): Read {
  const statement = openStatement(envelope, keys);
  expect(statement.predicateType).toBe("https://bailiwick.example.com/evidence/task/v1");
  const predicate: Read = statement.predicate;
  const { origin, checkpoint, checkpoint_dsse, entries } = predicate.log;
  const { size, root } = openCheckpoint(checkpoint, JSON.stringify(checkpoint_dsse), origin, keys);
  expect(statement.subject).toEqual(
    entries.map(({ index, entry }: Read) => ({ name: `${origin}#${index}`, digest: { sha256: sha256Hex(entry) } })),
  );
  for (const { index, entry, proof } of entries) {
    const path = proof.map((hash: string) => must(decodeBase64(hash), "a hash"));
    expect(verifyInclusion({ index, size, leaf: leafHash(utf8(entry)), proof: path, root })).toBe(true);
    expect(JSON.parse(entry)).toMatchObject({ task: predicate.task.id, tenant: origin.split("/").at(-1) });
  }
  chained(entries);
  return predicate;
}

export interface TarFile {
  name: string;
  bytes: Uint8Array;
}

/** The files of a ustar archive; throws unless it ends as one does. */
export function readTar(archive: Uint8Array): TarFile[] {
  const files: TarFile[] = [];
  for (let at = 0; ; ) {
    const header = archive.subarray(at, at + 512);
    if (header.length < 512) throw new Error("the archive is cut off");
    if (header.every((byte) => byte === 0)) {
      expect(archive.subarray(at).every((byte) => byte === 0) && archive.length === at + 1024).toBe(true);
      return files;
    }
    const field = (from: number, length: number) => text(header.subarray(from, from + length)).replace(/\0.*$/s, "");
    const size = Number.parseInt(field(124, 12), 8);
    const bytes = archive.subarray(at + 512, at + 512 + size);
    if (bytes.length < size) throw new Error("the archive is cut off");
    files.push({ name: field(0, 100), bytes });
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** What an export says of its period, after all that docs/ledger.md §5 demands. */
export function checkExport(
  archive: Uint8Array,
  keys: DsseKeys,
): { predicate: Read; entries: Read[]; names: string[] } {
  const files = readTar(archive);
  const manifest = must(files.at(-1), "files");
  expect(manifest.name).toBe("manifest.dsse.json");
  const { subject, predicate, predicateType } = openStatement(text(manifest.bytes), keys);
  expect(predicateType).toBe("https://bailiwick.example.com/evidence/ledger-export/v1");
  const listed = files.slice(0, -1);
  expect(subject).toEqual(listed.map(({ name, bytes }) => ({ name, digest: { sha256: sha256Hex(bytes) } })));
  const names = files.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const read = (name: string) =>
    text(
      must(
        listed.find((file) => file.name === name),
        name,
      ).bytes,
    );
  const said: Read = predicate;
  const { schema_version, generated_at, origin, cell, jurisdiction, worm, ...rest } = said;
  expect(JSON.parse(read("spans.json"))).toEqual(rest);
  const { size, root } = openCheckpoint(read("checkpoint"), read("checkpoint.dsse.json"), origin, keys);
  expect(said.size).toBe(size);

  const tiles = new Map<string, Uint8Array[]>();
  for (const { name, bytes } of listed) {
    if (!name.startsWith("tile/")) continue;
    const path = must(parseTilePath(name), name);
    if (path.kind !== "tile") throw new Error(`${name} is no hash tile`);
    const hashes = must(hashesOfTile(bytes), name);
    expect(hashes.length).toBe(path.width);
    tiles.set(`${path.level}/${path.n}`, hashes);
  }
  const rootOf = (at: number) =>
    foldNodes(
      rootNodes(at).map((node) => {
        const { level, n } = tileOfNode(node);
        const tile = must(tiles.get(`${level}/${n}`), `tile ${level}/${n}`);
        return must(hashOfNode(Buffer.concat(tile), node), "a node");
      }),
    );
  expect(encodeBase64(rootOf(size))).toBe(encodeBase64(root));
  for (const [name, hashes] of tiles) {
    const [level = 0, n = 0] = name.split("/").map(Number);
    const parent = tiles.get(`${level + 1}/${Math.floor(n / 256)}`)?.[n % 256];
    if (hashes.length === 256 && 256 ** (level + 1) <= size)
      expect(encodeHex(rootOfLeaves(hashes))).toBe(encodeHex(must(parent, `the parent of ${name}`)));
  }
  for (const name of names.filter((one) => /^checkpoint-history\/\d{16}$/.test(one))) {
    const archived = openCheckpoint(read(name), read(`${name}.dsse.json`), origin, keys);
    expect(name).toBe(`checkpoint-history/${String(archived.size).padStart(16, "0")}`);
    expect(archived.size > said.first && archived.size <= said.first + said.count).toBe(true);
    expect(encodeBase64(rootOf(archived.size))).toBe(encodeBase64(archived.root));
  }

  const entries = listed
    .filter(({ name }) => name.startsWith("entries/"))
    .flatMap(({ name, bytes }) => {
      const first = Number(name.slice("entries/".length, -".jsonl".length));
      const lines = text(bytes).split("\n");
      expect(lines.pop()).toBe("");
      return lines.map((entry, at) => ({ index: first + at, entry }));
    });
  chained(entries);
  const [start, end] = [Math.max(0, said.first - 1), Math.min(size, said.first + said.count + 1)];
  expect(entries.map(({ index }) => index)).toEqual(Array.from({ length: end - start }, (_, at) => start + at));
  for (const { index, entry } of entries) {
    const leaf = must(tiles.get(`0/${Math.floor(index / 256)}`)?.[index % 256], `the tile of ${index}`);
    expect(encodeHex(leaf)).toBe(encodeHex(leafHash(utf8(entry))));
    const inside = index >= said.first && index < said.first + said.count;
    const at = (JSON.parse(entry) as { at: string }).at; // safe because: chained above
    expect(at >= said.from && at < said.to).toBe(inside);
  }
  return { predicate: said, entries: entries.map(({ entry }) => JSON.parse(entry) as JsonValue), names }; // safe because: JSON.parse gives JSON values
}
