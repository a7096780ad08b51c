import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../contracts/limits.ts";
import { utf8 } from "../utf8.ts";
import { decodeBase64 } from "./base64.ts";
import { ed25519PublicKey, signEd25519 } from "./ed25519.ts";
import {
  formatNote,
  formatVerifierKey,
  type NoteKey,
  noteKeyId,
  openNote,
  parseVerifierKey,
  signNote,
} from "./note.ts";

// Published test keys and notes: golang.org/x/mod/sumdb/note, and the example of C2SP signed-note.
const goText = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const peter = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const peterSeed = decodeBase64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")?.slice(1) ?? new Uint8Array();
const peterLine =
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const enoch = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const enochLine =
  "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
const specKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const specNote =
  "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

const parsed = (text: string): NoteKey => {
  const key = parseVerifierKey(text);
  if (key === null) throw new Error(`not a verifier key: ${text}`);
  return key;
};
const signer = (name: string, fill: number) => {
  const seed = new Uint8Array(32).fill(fill);
  return { name, publicKey: ed25519PublicKey(seed), sign: (message: Uint8Array) => signEd25519(seed, message) };
};
const fault = (reason: string) => ({ ok: false, error: { reason } });
const goNote = `${goText}\n${peterLine}`;

describe("verifier keys", () => {
  it("are read and written as other implementations do", () => {
    for (const text of [peter, enoch, specKey]) expect(formatVerifierKey(parsed(text))).toBe(text);
    expect(noteKeyId("PeterNeumann", 1, parsed(peter).publicKey)).toBe("c74f20a3");
  });

  it("that lack or change any character are none, so that nobody trusts a mangled key", () => {
    for (let at = 0; at < peter.length; at++) {
      expect(parseVerifierKey(peter.slice(0, at) + peter.slice(at + 1)), `without ${at}`).toBeNull();
      const other = String.fromCharCode(peter.charCodeAt(at) + 1);
      expect(parseVerifierKey(peter.slice(0, at) + other + peter.slice(at + 1)), `changed ${at}`).toBeNull();
    }
    for (const text of [`${peter}\n`, ` ${peter}`, peter.replace("c74f20a3", "C74F20A3"), `${peter}=`])
      expect(parseVerifierKey(text)).toBeNull();
    // A witness's cosignature key (type 0x04): it signs other texts than notes.
    expect(parseVerifierKey("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2")).toBeNull();
  });

  it("have names without spaces, plus or control characters", () => {
    const { publicKey } = parsed(peter);
    for (const name of ["", "a b", "a+b", "a\u00a0b", "a\u2003b", "a\u0085b", "a\u0001b", "\ud800"])
      expect(() => formatVerifierKey({ name, publicKey }), JSON.stringify(name)).toThrow(RangeError);
    expect(() => formatVerifierKey({ name: "a", publicKey: publicKey.subarray(1) })).toThrow(RangeError);
  });
});

describe("notes", () => {
  it("are signed to the published bytes, so that other implementations open ours", () => {
    const mine = { name: "PeterNeumann", publicKey: ed25519PublicKey(peterSeed) };
    expect(formatVerifierKey(mine)).toBe(peter);
    expect(signNote(goText, [{ ...mine, sign: (message) => signEd25519(peterSeed, message) }])).toBe(goNote);
  });

  it("of others are opened, as text and as bytes", () => {
    const verified = [{ name: "PeterNeumann", keyId: "c74f20a3" }];
    const opened = { ok: true, value: { text: goText, verified, unverified: [] } };
    expect(openNote(goNote, [parsed(peter)])).toEqual(opened);
    expect(openNote(utf8(goNote), [parsed(enoch), parsed(peter)])).toEqual(opened);
    expect(openNote(specNote, [parsed(specKey)])).toMatchObject({ ok: true });
    const both = openNote(goNote + enochLine, [parsed(enoch), parsed(peter)]);
    expect(both).toMatchObject({ value: { verified: [...verified, { name: "EnochRoot", keyId: "af0cfe78" }] } });
  });

  it("keep empty lines in their text: the last one is the border", () => {
    const key = signer("example.com/log", 1);
    const opened = openNote(signNote("a\n\nb\n\n\nc\n", [key]), [key]);
    expect(opened).toMatchObject({ ok: true, value: { text: "a\n\nb\n\n\nc\n" } });
  });

  it("carry lines of unknown keys, also under a known name or id, so that witnesses and rotations break nobody", () => {
    const [old, next] = [signer("example.com/log", 1), signer("example.com/log", 2)];
    const opened = openNote(signNote("x\n", [next, old, signer("example.com/witness", 3)]), [old]);
    expect(opened).toMatchObject({ ok: true, value: { verified: [{ name: old.name }] } });
    if (opened.ok) expect(opened.value.unverified.map(({ name }) => name)).toEqual([old.name, "example.com/witness"]);
    const sameId = formatNote("x\n", [{ name: "example.com/b", keyId: "c74f20a3", signature: new Uint8Array(64) }]);
    expect(openNote(sameId, [parsed(peter)])).toEqual(fault("no_trusted_signature"));
  });

  it("without a trusted signature are refused: a name alone proves nothing", () => {
    expect(openNote(goNote, [parsed(enoch)])).toEqual(fault("no_trusted_signature"));
    expect(openNote(goNote, [])).toEqual(fault("no_trusted_signature"));
  });

  it("with a bad line of a trusted key are refused, even beside good ones", () => {
    const bad = { name: "PeterNeumann", keyId: "c74f20a3", signature: new Uint8Array(64) };
    const line = formatNote(goText, [bad]).slice(goText.length + 1);
    const refused = { ok: false, error: { reason: "signature_invalid", name: "PeterNeumann", keyId: "c74f20a3" } };
    expect(openNote(goNote + line, [parsed(peter)])).toEqual(refused);
    expect(openNote(goNote + enochLine.replace("rwz+eBzm", "rwz+eBzn"), [parsed(peter), parsed(enoch)])).toMatchObject({
      error: { reason: "signature_invalid", name: "EnochRoot" },
    });
    expect(openNote(goNote.replace("answer", "anwser"), [parsed(peter)])).toEqual(refused);
  });

  it("count a key once, however often its line is repeated", () => {
    const opened = openNote(goNote + peterLine, [parsed(peter)]);
    expect(opened).toMatchObject({ ok: true, value: { verified: [{ keyId: "c74f20a3" }] } });
    if (opened.ok) expect(opened.value.verified).toHaveLength(1);
  });

  it("with any bit flipped are refused, never opened to another text", () => {
    const bytes = utf8(goNote);
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
        const copy = bytes.slice();
        copy[at] = (copy[at] ?? 0) ^ (1 << bit);
        expect(openNote(copy, [parsed(peter)]).ok).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it("that are no notes are malformed", () => {
    const whole = [
      "",
      "\n",
      "\n\n",
      goText,
      goText + peterLine,
      `${goText}\n`,
      goNote.slice(0, -1),
      `${goNote}\n`,
      ` ${goNote} `,
      goNote.replace("— ", "- "),
      goNote.replace("— Peter", "—Peter"),
      goNote.replace("AM=\n", "AM\n"),
      goNote.replace("PeterNeumann x", "PeterNeumann  x"),
      goNote.replace("— PeterNeumann", "— "),
      `${goText}\n— a AAAA\n`,
      goNote.replaceAll("\n", "\r\n"),
      goNote.replace("answer", "an\tswer"),
      goNote.replace("answer", "an\u0000swer"),
      goNote.replace("answer", "an\ud800swer"),
      `${goNote}\n${peterLine.replace("—", "+")}`,
      `${goNote}trailing`,
      goNote.replace("AM=\n", "AM= more\n"),
      goNote.replace(/ x08.*\n$/, "\n"),
    ];
    for (const note of whole) expect(openNote(note, [parsed(peter)]), JSON.stringify(note)).toEqual(fault("malformed"));
    expect(openNote(Uint8Array.of(0xff, ...utf8(goNote)), [parsed(peter)])).toEqual(fault("malformed"));
    expect(openNote(Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8(goNote)), [parsed(peter)]).ok).toBe(false);
  });

  it("need the empty line before their signatures, so that a signature over nothing vouches for no text", () => {
    const key = signer("example.com/log", 1);
    const signature = { name: key.name, keyId: noteKeyId(key.name, 1, key.publicKey), signature: key.sign(utf8("")) };
    const line = formatNote("x\n", [signature]).slice("x\n\n".length);
    expect(openNote(`x${line}`, [key])).toEqual(fault("malformed"));
    expect(openNote(signNote("\n", [key]), [key])).toMatchObject({ ok: true, value: { text: "\n" } });
  });

  it("are bounded in size and signatures, so that nobody makes a verifier work for hours", () => {
    const unknown = "— EnochRoot AAAAAAA=\n";
    expect(openNote(goNote + unknown.repeat(99), [parsed(peter)]).ok).toBe(true);
    expect(openNote(goNote + unknown.repeat(100), [parsed(peter)])).toEqual(fault("too_many_signatures"));
    expect(openNote("x".repeat(LIMITS.noteBytesMax + 1), [])).toEqual(fault("too_large"));
    expect(openNote("x".repeat(LIMITS.noteBytesMax), [])).toEqual(fault("malformed"));
  });

  it("are made only of what a note can carry", () => {
    const key = signer("example.com/log", 1);
    for (const text of ["", "no newline", "a\tb\n", "a\r\n", "\ud800\n"])
      expect(() => signNote(text, [key]), JSON.stringify(text)).toThrow(RangeError);
    expect(() => signNote("x\n", [])).toThrow(RangeError);
    expect(() => signNote("x\n", [{ ...key, name: "a b" }])).toThrow(RangeError);
    expect(() => formatNote("x\n", [{ name: "a", keyId: "00", signature: new Uint8Array(64) }])).toThrow(RangeError);
    const lines = Array.from({ length: LIMITS.noteSignaturesMax + 1 }, (_, n) => ({
      ...{ name: `witness-${n}`, keyId: "00000000", signature: new Uint8Array(64) },
    }));
    expect(() => formatNote("x\n", lines)).toThrow(RangeError);
    expect(openNote(formatNote("x\n", lines.slice(1)), [])).toEqual(fault("no_trusted_signature"));
  });
});
