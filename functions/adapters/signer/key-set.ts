import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { type Signer, SignerUnavailable } from "../../../shared/contracts/ports/signer.ts";
import { encodeBase64url } from "../../../shared/crypto/base64url.ts";
import { decodeBase64 } from "../../../shared/crypto/log/base64.ts";
import { formatCheckpoint } from "../../../shared/crypto/log/checkpoint.ts";
import { type DsseSigner, formatDsse, signDsse } from "../../../shared/crypto/log/dsse.ts";
import { signEd25519 } from "../../../shared/crypto/log/ed25519.ts";
import { mlDsa65Signer } from "../../../shared/crypto/log/ml-dsa-65.ts";
import { signNote } from "../../../shared/crypto/log/note.ts";
import { STATEMENT_PAYLOAD_TYPE } from "../../../shared/crypto/log/statement.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { inForceAt, type KeyPair, newestFirst } from "./key-document.ts";
import { type PublicPair, publicPair, verifierKeys } from "./public-keys.ts";
import { CHECKPOINT_PAYLOAD_TYPE, refuseCheckpoint, refuseStatement } from "./signing-rules.ts";

export interface KeySetOptions {
  /** The pairs as they are now. Throws `SignerUnavailable` while they cannot be read. */
  pairs(): readonly KeyPair[];
  clock: Clock;
}

interface Derived extends PublicPair {
  sign: { ed25519: DsseSigner; mldsa65: DsseSigner };
}

/**
 * Signs with key pairs in memory: with every one in force, newest first. The same thing signed again under the same keys
 * is the same bytes. Rejects with `SignerUnavailable` when no pair is in force and with `SigningRefused` for what is
 * neither a checkpoint nor evidence of ours, so that whoever reaches the signer cannot have other texts signed.
 */
export function keySetSigner({ pairs, clock }: KeySetOptions): Signer {
  /** By seeds: what operators write about a pair may change, its keys do not. */
  let derived = new Map<string, Derived>();

  function known(all: readonly KeyPair[]): Map<KeyPair, Derived> {
    const found = new Map<KeyPair, Derived>();
    const kept = new Map<string, Derived>();
    for (const pair of all) {
      const name = `${encodeBase64url(pair.ed25519Seed)} ${encodeBase64url(pair.mlDsa65Seed)}`;
      const keys = derived.get(name) ?? derive(pair);
      kept.set(name, keys);
      found.set(pair, keys);
    }
    derived = kept;
    return found;
  }
  function inForce(): Derived[] {
    const all = pairs();
    const keys = known(all);
    const signing = inForceAt(all, clock.now()).flatMap((pair) => keys.get(pair) ?? []);
    if (signing.length === 0) throw new SignerUnavailable("no signing key is in force");
    return signing;
  }

  return {
    async keys() {
      const all = pairs();
      const keys = known(all);
      return newestFirst(all).flatMap((pair) => {
        const own = keys.get(pair);
        return own ? verifierKeys(pair, own) : [];
      });
    },
    async signCheckpoint({ origin, size, root }) {
      refuseCheckpoint({ origin, size, root });
      const signing = inForce();
      const text = formatCheckpoint({ origin, size, root: decodeBase64(root) ?? new Uint8Array() });
      const note = signNote(
        text,
        signing.map(({ ed25519, sign }) => ({
          name: origin,
          publicKey: ed25519.publicKey,
          sign: sign.ed25519.sign,
        })),
      );
      const envelope = signDsse(
        CHECKPOINT_PAYLOAD_TYPE,
        utf8(text),
        signing.map(({ sign }) => sign.mldsa65),
      );
      return { note, dsse: formatDsse(envelope) };
    },
    async signStatement(statement) {
      const body = utf8(statement);
      refuseStatement(body);
      const signers = inForce().flatMap(({ sign }) => [sign.ed25519, sign.mldsa65]);
      return formatDsse(signDsse(STATEMENT_PAYLOAD_TYPE, body, signers));
    },
  };
}

function derive(pair: KeyPair): Derived {
  const keys = publicPair(pair);
  const { ed25519Seed } = pair;
  return {
    ...keys,
    sign: {
      ed25519: { keyid: keys.ed25519.kid, sign: (message) => signEd25519(ed25519Seed, message) },
      mldsa65: { keyid: keys.mldsa65.kid, sign: mlDsa65Signer(pair.mlDsa65Seed) },
    },
  };
}
