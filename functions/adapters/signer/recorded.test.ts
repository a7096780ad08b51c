import { describe, expect, it } from "vitest";
import type { SystemEvent } from "../../../shared/contracts/ports/cell-store.ts";
import { type Signer, SignerUnavailable } from "../../../shared/contracts/ports/signer.ts";
import { encodeBase64 } from "../../../shared/crypto/log/base64.ts";
import type { KeyPair } from "./key-document.ts";
import { ms, pairOf } from "./key-pairs.fixture.ts";
import { keySetSigner } from "./key-set.ts";
import { recordedSigner } from "./recorded.ts";
import { remoteSigner } from "./remote.ts";
import { signerService } from "./signer-service.ts";
import { SigningRefused } from "./signing-rules.ts";

const checkpoint = { origin: "cell.example.com/default", size: 1, root: encodeBase64(new Uint8Array(32)) };
const clock = { now: () => ms("2026-11-15T00:00:00Z") };
const begun = ms("2026-11-10T00:00:00Z");

function world(pairs: KeyPair[]) {
  const state = { pairs, ledger: [] as string[][], reachable: true };
  const inner = keySetSigner({ pairs: () => state.pairs, clock });
  const ledger = {
    async system(events: readonly SystemEvent[]) {
      if (!state.reachable) throw new Error("the object did not answer");
      state.ledger.push(
        events.map(({ kind, detail }) => `${kind} ${detail.alg} ${String(detail.not_before).slice(0, 10)}`),
      );
    },
  };
  return { state, inner, signer: recordedSigner({ signer: inner, ledger, clock }) };
}

describe("a recorded signer", () => {
  it("writes each key down before its first signature is given out, and once", async () => {
    const { state, signer } = world([pairOf(1)]);
    await signer.signCheckpoint(checkpoint);
    await signer.signCheckpoint(checkpoint);
    expect(state.ledger).toEqual([["signing_key.added Ed25519 2026-11-01", "signing_key.added ML-DSA-65 2026-11-01"]]);
    state.pairs = [pairOf(1), pairOf(2, { notBeforeMs: begun })];
    await signer.signCheckpoint(checkpoint);
    expect(state.ledger.slice(1)).toEqual([
      ["signing_key.added Ed25519 2026-11-10", "signing_key.added ML-DSA-65 2026-11-10"],
    ]);
  });

  it("says nothing of keys that do not sign yet or any more", async () => {
    const { state, signer } = world([
      pairOf(1),
      pairOf(2, { notBeforeMs: ms("2026-12-01T00:00:00Z") }),
      pairOf(3, { revoked: { at_ms: begun, reason: "retired" } }),
      pairOf(4, { notAfterMs: begun }),
    ]);
    await signer.signCheckpoint(checkpoint);
    expect(state.ledger).toEqual([["signing_key.added Ed25519 2026-11-01", "signing_key.added ML-DSA-65 2026-11-01"]]);
  });

  it("gives no signature out while the ledger cannot be written, so that no key signs unseen", async () => {
    const { state, signer } = world([pairOf(1)]);
    state.reachable = false;
    await expect(signer.signCheckpoint(checkpoint)).rejects.toThrow(SignerUnavailable);
    state.reachable = true;
    await expect(signer.signCheckpoint(checkpoint)).resolves.toHaveProperty("note");
    expect(state.ledger).toHaveLength(1);
  });

  it("waits for the list where it is older than a rotation", async () => {
    const { state, inner } = world([pairOf(1)]);
    const old = await inner.keys();
    const stale: Signer = { ...inner, keys: async () => old };
    const signer = recordedSigner({ signer: stale, ledger: { system: async () => {} }, clock });
    await signer.signCheckpoint(checkpoint);
    state.pairs = [pairOf(1), pairOf(2, { notBeforeMs: begun })];
    await expect(signer.signCheckpoint(checkpoint)).rejects.toThrow(SignerUnavailable);
  });
});

describe("a remote signer", () => {
  it("signs as the signer behind it does, and keeps the class of its refusals", async () => {
    const { inner, state } = world([pairOf(1)]);
    const signer = remoteSigner(signerService(inner), clock);
    expect(await signer.signCheckpoint(checkpoint)).toEqual(await inner.signCheckpoint(checkpoint));
    expect(await signer.keys()).toEqual(await inner.keys());
    await expect(signer.signStatement("{}")).rejects.toThrow(SigningRefused);
    state.pairs = [];
    await expect(signer.signCheckpoint(checkpoint)).rejects.toThrow(
      new SignerUnavailable("no signing key is in force"),
    );
  });

  it("is unavailable when its service fails or answers nonsense, so that whoever publishes tries again", async () => {
    const lost = async () => Promise.reject(new Error("Network connection lost."));
    const broken = remoteSigner({ keys: lost, signCheckpoint: lost, signStatement: lost }, clock);
    await expect(broken.keys()).rejects.toThrow(SignerUnavailable);
    const service = signerService(world([pairOf(1)]).inner);
    // safe because: what a service of another version might answer
    const odd = async () => ({ ok: true, value: { note: 5 } }) as unknown as ReturnType<typeof service.signCheckpoint>;
    await expect(remoteSigner({ ...service, signCheckpoint: odd }, clock).signCheckpoint(checkpoint)).rejects.toThrow(
      SignerUnavailable,
    );
  });
});
