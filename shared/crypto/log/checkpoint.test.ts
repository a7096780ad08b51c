import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import { formatProofFile, parseProofFile } from "./proof-file.ts";

const root = new Uint8Array(32).fill(5);
// The example of C2SP tlog-checkpoint.
const example = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

describe("a checkpoint", () => {
  it("is read and written as the specification's example", () => {
    const checkpoint = parseCheckpoint(example);
    expect(checkpoint).toMatchObject({ origin: "example.com/behind-the-sofa", size: 20_852_163, extensions: [] });
    if (checkpoint) expect(formatCheckpoint(checkpoint)).toBe(example);
  });

  it("gives back what it was made from", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, hash) => {
        const checkpoint = { origin: "example.com/log", size, root: hash, extensions: ["a b", "c"] };
        expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
      }),
    );
  });

  it("has one spelling, so that two checkpoints never say the same in different bytes", () => {
    const changed = [
      example.slice(0, -1),
      `${example}\n`,
      `\n${example}`,
      example.replace("20852163", "020852163"),
      example.replace("20852163", "+20852163"),
      example.replace("20852163", "-1"),
      example.replace("20852163", "1e3"),
      example.replace("20852163", "9007199254740992"),
      example.replace("20852163", " 20852163"),
      example.replace("20852163", ""),
      example.replace("q2I=", "q2J="),
      example.replace("q2I=", "q2I"),
      example.replace("CsUY", "sUY"),
      example.replace("CsUYap", "CsUYapAA"),
      example.replace("example.com/behind-the-sofa", ""),
      example.replaceAll("\n", "\r\n"),
      `${example}extension\n\n`,
      "example.com/log\n0\n",
      "",
      "\n\n\n",
    ];
    for (const text of changed) expect(parseCheckpoint(text), JSON.stringify(text)).toBeNull();
  });

  it("of another log may have any origin line: clients must not assume its form", () => {
    expect(parseCheckpoint(example.replace("example.com", "my log + more"))?.origin).toBe(
      "my log + more/behind-the-sofa",
    );
  });

  it("is made only of what a checkpoint can say", () => {
    const good = { origin: "example.com/log", size: 0, root };
    expect(() => formatCheckpoint(good)).not.toThrow();
    for (const bad of [
      { ...good, origin: "" },
      { ...good, origin: "a b" },
      { ...good, origin: "a+b" },
      { ...good, origin: "a\nb" },
      { ...good, size: -1 },
      { ...good, size: 2 ** 53 },
      { ...good, root: root.subarray(1) },
      { ...good, extensions: [""] },
      { ...good, extensions: ["a\nb"] },
    ])
      expect(() => formatCheckpoint(bad)).toThrow(RangeError);
  });
});

describe("a proof file", () => {
  const file = { index: 73_894, proof: [root, root.map((byte) => byte + 1)], checkpoint: "note\n\n— a AAAAAAA=\n" };
  const text = formatProofFile(file);

  it("has the lines of tlog-proof, and the checkpoint verbatim", () => {
    const hash = "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=";
    const other = "BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY=";
    expect(text).toBe(`c2sp.org/tlog-proof@v1\nindex 73894\n${hash}\n${other}\n\nnote\n\n— a AAAAAAA=\n`);
    expect(parseProofFile(text)).toEqual({ ...file, extra: null });
    const alone = { index: 0, proof: [], checkpoint: "c\n", extra: Uint8Array.of(1, 2) };
    expect(formatProofFile(alone)).toBe("c2sp.org/tlog-proof@v1\nextra AQI=\nindex 0\n\nc\n");
    expect(parseProofFile(formatProofFile(alone))).toEqual(alone);
  });

  it("that says anything else is none", () => {
    const changed = [
      "",
      text.replace("@v1", "@v2"),
      text.replace("index 73894", "index 073894"),
      text.replace("index 73894", "index -1"),
      text.replace("index 73894\n", ""),
      text.replace("index", "Index"),
      text.replace("BQU=\n", "BQU\n"),
      text.replace("\n\n", "\n"),
      text.replace("index", "extra !\nindex"),
      text.replace("index", "extra AA\nindex"),
      text.replace("index 73894", "index 73894 "),
      text.replace("index 73894", "index 9007199254740992"),
      text.replace("BQUF", ""),
      formatProofFile({ ...file, proof: Array(53).fill(root) }).replace(
        "index 73894\n",
        "$&BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\n",
      ),
    ];
    // The first replacement of a blank line leaves the note's own as the border: its text is then no hash.
    for (const bad of changed) expect(parseProofFile(bad), JSON.stringify(bad)).toBeNull();
    expect(() => formatProofFile({ ...file, index: -1 })).toThrow(RangeError);
    expect(() => formatProofFile({ ...file, proof: [root.subarray(1)] })).toThrow(RangeError);
    expect(() => formatProofFile({ ...file, proof: Array(54).fill(root) })).toThrow(RangeError);
  });
});
