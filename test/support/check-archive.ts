import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../shared/contracts/ports/signer.ts";
import { decodeBase64url } from "../../shared/crypto/base64url.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { parseCheckpoint } from "../../shared/crypto/log/checkpoint.ts";
import { parseDsse, verifyDsse } from "../../shared/crypto/log/dsse.ts";
import { decodeBundle } from "../../shared/crypto/log/entry-bundle.ts";
import { openNote } from "../../shared/crypto/log/note.ts";
import { entriesPath, newTiles, TILE_WIDTH, type Tile, tilePath } from "../../shared/crypto/log/tiles.ts";
import { HASH_BYTES, leafHash, rootOfLeaves } from "../../shared/crypto/log/tree.ts";
import { leafHex } from "./leaf-hex.ts";

/** Reads a log from its archive alone, as a stranger does, and answers its entries and the sizes of its checkpoints. Throws what is wrong. */
export async function checkArchive(
  archive: ObjectStore,
  prefix: string,
  origin: string,
  signer: Signer,
): Promise<{ texts: string[]; sizes: number[] }> {
  const keys = await signer.keys();
  const ed25519 = keys.filter(({ alg }) => alg === "Ed25519").map(({ jwk }) => bytesOf(jwk.x));
  const mldsa65 = keys.filter(({ alg }) => alg === "ML-DSA-65").map(({ jwk }) => bytesOf(jwk.pub));
  const read = async (path: string) => {
    const got = await archive.get(prefix + path);
    if (!got.ok) throw new Error(`${path} is missing`);
    return got.value.bytes;
  };
  const open = (bytes: Uint8Array) => {
    const note = openNote(
      bytes,
      ed25519.map((publicKey) => ({ name: origin, publicKey })),
    );
    const checkpoint = note.ok ? parseCheckpoint(note.value.text) : null;
    if (!note.ok || checkpoint?.origin !== origin) throw new Error("a checkpoint does not verify");
    return { ...checkpoint, text: note.value.text };
  };

  const newest = open(await read("checkpoint"));
  const texts: string[] = [];
  const leaves: Uint8Array[] = [];
  for (const tile of newTiles(0, newest.size)) {
    if (tile.level === 0) {
      const bundle = decodeBundle(await read(entriesPath(tile)));
      if (!bundle.ok || bundle.value.length !== tile.width) throw new Error(`bundle ${tile.n} is wrong`);
      for (const entry of bundle.value) {
        texts.push(new TextDecoder().decode(entry));
        leaves.push(leafHash(entry));
      }
    }
    if (!same(await read(tilePath(tile)), tileOf(tile, leaves))) throw new Error(`${tilePath(tile)} is wrong`);
  }
  let prev = "0".repeat(64);
  texts.forEach((text, seq) => {
    const entry = JSON.parse(text);
    if (entry.seq !== seq || entry.prev !== prev) throw new Error(`entry ${seq} is not chained`);
    prev = leafHex(text);
  });

  const sizes: number[] = [];
  const { keys: history } = await archive.list(`${prefix}checkpoint-history/`, { limit: 1_000 });
  for (const key of history.filter((name) => !name.endsWith(".json"))) {
    const path = key.slice(prefix.length);
    const { size, root, text } = open(await read(path));
    const envelope = parseDsse(new TextDecoder().decode(await read(`${path}.dsse.json`)));
    const verified = envelope && verifyDsse(envelope, { ed25519, mldsa65 }, "mldsa65");
    if (!verified?.ok || new TextDecoder().decode(verified.value.body) !== text) throw new Error(`${path}: envelope`);
    if (!same(rootOfLeaves(leaves.slice(0, size)), root)) throw new Error(`${path} is of another tree`);
    sizes.push(size);
  }
  if (sizes.at(-1) !== newest.size) throw new Error("the newest checkpoint is not the last of the history");
  return { texts, sizes };
}

function tileOf({ level, n, width }: Tile, leaves: readonly Uint8Array[]): Uint8Array {
  const span = TILE_WIDTH ** level;
  const bytes = new Uint8Array(width * HASH_BYTES);
  for (let at = 0; at < width; at++) {
    const first = (n * TILE_WIDTH + at) * span;
    bytes.set(rootOfLeaves(leaves.slice(first, first + span)), at * HASH_BYTES);
  }
  return bytes;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => encodeHex(a) === encodeHex(b);

function bytesOf(text: string | undefined): Uint8Array {
  const bytes = decodeBase64url(text ?? "");
  if (!bytes) throw new Error("a key is unreadable");
  return bytes;
}
