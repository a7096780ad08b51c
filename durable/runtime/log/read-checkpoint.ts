import type { Signer, VerifierKey } from "../../../shared/contracts/ports/signer.ts";
import { decodeBase64url } from "../../../shared/crypto/base64url.ts";
import { parseCheckpoint } from "../../../shared/crypto/log/checkpoint.ts";
import { parseDsse, verifyDsse } from "../../../shared/crypto/log/dsse.ts";
import { openNote } from "../../../shared/crypto/log/note.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { FaultFound, sameBytes } from "./archive.ts";

/** DSSE payload type of the envelope beside a checkpoint. */
export const CHECKPOINT_TYPE = "application/vnd.bailiwick.checkpoint";

/** A checkpoint of this log that a key of this cell signed. */
export interface ReadCheckpoint {
  size: number;
  root: Uint8Array;
  /** What both proofs of origin are over. */
  text: string;
  note: string;
}

/** Keys of this cell, read at most once a turn: what was signed by a key that is compromised proves nothing. */
export class CellKeys {
  readonly #signer: Signer;
  #keys: Promise<VerifierKey[]> | null = null;

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  async #of(alg: VerifierKey["alg"], member: "x" | "pub"): Promise<Uint8Array[]> {
    this.#keys ??= this.#signer.keys();
    const keys = (await this.#keys).filter((key) => key.alg === alg && key.revoked?.reason !== "compromised");
    return keys.flatMap(({ jwk }) => {
      const bytes = decodeBase64url(jwk[member] ?? "");
      return bytes === null ? [] : [bytes];
    });
  }

  /** Throws `FaultFound` unless the bytes are a note of this cell over a checkpoint of `origin`. */
  async open(bytes: Uint8Array, origin: string, what: string): Promise<ReadCheckpoint> {
    const keys = (await this.#of("Ed25519", "x")).map((publicKey) => ({ name: origin, publicKey }));
    const opened = openNote(bytes, keys);
    if (!opened.ok) throw new FaultFound("checkpoint_unsigned", `${what}: ${opened.error.reason}`);
    const checkpoint = parseCheckpoint(opened.value.text);
    if (!checkpoint) throw new FaultFound("checkpoint_unsigned", `${what} is a note, but no checkpoint`);
    if (checkpoint.origin !== origin) throw new FaultFound("checkpoint_replaced", `${what} is of another log`);
    const { size, root } = checkpoint;
    return { size, root, text: opened.value.text, note: new TextDecoder().decode(bytes) };
  }

  /** Throws `FaultFound` unless the bytes are an envelope of this cell over a checkpoint; answers what is signed. */
  async openEnvelope(bytes: Uint8Array, what: string): Promise<{ body: Uint8Array; dsse: string }> {
    const dsse = new TextDecoder().decode(bytes);
    const envelope = parseDsse(dsse);
    if (!envelope || envelope.payloadType !== CHECKPOINT_TYPE)
      throw new FaultFound("checkpoint_unsigned", `${what} is no envelope of a checkpoint`);
    const trusted = { ed25519: [], mldsa65: await this.#of("ML-DSA-65", "pub") };
    const verified = verifyDsse(envelope, trusted, "mldsa65");
    if (!verified.ok) throw new FaultFound("checkpoint_unsigned", `${what}: ${verified.error.reason}`);
    return { body: verified.value.body, dsse };
  }

  /** The envelope's text, if it is this cell's over the very checkpoint; otherwise throws `FaultFound`. */
  async envelopeOver(bytes: Uint8Array, { text }: ReadCheckpoint, what: string): Promise<string> {
    const { body, dsse } = await this.openEnvelope(bytes, what);
    if (!sameBytes(body, utf8(text))) throw new FaultFound("forked", `${what} is over another checkpoint`);
    return dsse;
  }
}
