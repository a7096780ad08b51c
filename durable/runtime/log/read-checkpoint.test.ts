import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { Signer, VerifierKey } from "../../../shared/contracts/ports/signer.ts";
import { ed25519PublicKey, signEd25519 } from "../../../shared/crypto/log/ed25519.ts";
import { signNote } from "../../../shared/crypto/log/note.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { testSigner } from "../../../test/support/published-log.ts";
import { FaultFound } from "./archive.ts";
import { CellKeys } from "./read-checkpoint.ts";

const [OURS, OTHER] = ["bailiwick.example.com/acme1", "bailiwick.example.com/acme2"];
const SEED = new Uint8Array(32).fill(1);
const { signer } = testSigner(1);
/** The cell's own key under the note of one log, over whatever text. */
const noteOver = (text: string) =>
  signNote(text, [{ name: OURS, publicKey: ed25519PublicKey(SEED), sign: (message) => signEd25519(SEED, message) }]);
const withKeys = (change: (keys: VerifierKey[]) => VerifierKey[]): Signer => ({
  ...signer,
  keys: async () => change(await signer.keys()),
});

async function faultOf(opening: Promise<unknown>): Promise<[string, string]> {
  const cause = await opening.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(cause instanceof FaultFound)) throw new Error(`no fault: ${cause}`);
  return [cause.fault, cause.message];
}
const signed = (origin = OURS) => signer.signCheckpoint({ origin, size: 7, root: Buffer.alloc(32).toString("base64") });

describe("a checkpoint in the archive", () => {
  it("is this cell's over this very log, and is told as it was signed", async () => {
    const { note, dsse } = await signed();
    const keys = new CellKeys(signer);
    const opened = await keys.open(utf8(note), OURS, "it");
    expect(opened).toEqual({ size: 7, root: new Uint8Array(32), text: note.slice(0, note.indexOf("\n\n") + 1), note });
    expect(await keys.envelopeOver(utf8(dsse), opened, "its envelope")).toBe(dsse);
  });

  it("is no other text that the cell signed, and none over another log under this log's name", async () => {
    const keys = new CellKeys(signer);
    const { note } = await signed(OTHER);
    const text = note.slice(0, note.indexOf("\n\n") + 1);
    expect(await faultOf(keys.open(utf8(noteOver(text)), OURS, "it"))).toEqual([
      "checkpoint_replaced",
      "it is of another log",
    ]);
    expect(await faultOf(keys.open(utf8(noteOver("a notice\nof the cell\n")), OURS, "it"))).toEqual([
      "checkpoint_unsigned",
      "it is a note, but no checkpoint",
    ]);
    expect(await faultOf(keys.open(utf8(note), OURS, "it"))).toEqual([
      "checkpoint_unsigned",
      "it: no_trusted_signature",
    ]);
  });

  it("proves nothing under a key that is compromised, and all that it did under one that was merely replaced", async () => {
    const { note, dsse } = await signed();
    for (const [reason, opens] of [
      ["compromised", false],
      ["superseded", true],
    ] as const) {
      const revoked = { at_ms: 0 as UnixMs, reason }; // safe because: a test's own time
      const keys = new CellKeys(withKeys((all) => all.map((key) => ({ ...key, revoked }))));
      const outcomes = await Promise.allSettled([
        keys.open(utf8(note), OURS, "it"),
        keys.openEnvelope(utf8(dsse), "it"),
      ]);
      expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual([opens, opens]);
    }
  });

  it("is opened by the keys that can be read, beside one that cannot", async () => {
    const { note } = await signed();
    const torn = (all: VerifierKey[]) => [
      ...all.map((key) => ({ ...key, jwk: { ...key.jwk, x: "not base64url!" } })),
      ...all,
    ];
    const opened = await new CellKeys(withKeys(torn)).open(utf8(note), OURS, "it");
    expect(opened.size).toBe(7);
  });

  it("asks for the keys once, however much is opened with them", async () => {
    let asked = 0;
    const counting: Signer = {
      ...signer,
      keys: () => {
        asked++;
        return signer.keys();
      },
    };
    const { note, dsse } = await signed();
    const keys = new CellKeys(counting);
    for (let n = 0; n < 3; n++) {
      await keys.open(utf8(note), OURS, "it");
      await keys.openEnvelope(utf8(dsse), "its envelope");
    }
    expect(asked).toBe(1);
  });

  it("has an envelope of its own kind, over itself", async () => {
    const keys = new CellKeys(signer);
    const { note, dsse } = await signed();
    const opened = await keys.open(utf8(note), OURS, "it");
    const other = utf8((await signed(OTHER)).dsse);
    expect(await faultOf(keys.envelopeOver(other, opened, "it"))).toEqual(["forked", "it is over another checkpoint"]);
    const stranger = testSigner(2).signer;
    const strange = await stranger.signCheckpoint({ origin: OURS, size: 7, root: Buffer.alloc(32).toString("base64") });
    expect((await faultOf(keys.openEnvelope(utf8(strange.dsse), "it")))[0]).toBe("checkpoint_unsigned");
    const statement = dsse.replace("vnd.bailiwick.checkpoint", "vnd.bailiwick.statement");
    for (const text of [statement, "{}", "no json"])
      expect(await faultOf(keys.openEnvelope(utf8(text), "it"))).toEqual([
        "checkpoint_unsigned",
        "it is no envelope of a checkpoint",
      ]);
  });
});
