import fc from "fast-check";

const NOISE = [
  "",
  " ",
  "\t",
  "\r\n",
  "\u0000",
  "=",
  "==",
  ".",
  "..",
  "/",
  "\\",
  '"',
  "%00",
  "-",
  "+",
  "0",
  "x",
  "\ufeff",
  "\u202e",
  "é",
  "😀",
  "{",
  "}",
  "[",
  "null",
  "__proto__",
];

/** A text as it was, or with one place changed: something put in, left out, doubled, or in another case. */
export const respelled = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(text, fc.nat(), fc.nat({ max: 5 }), fc.constantFrom(...NOISE), fc.nat({ max: 3 }))
    .map(([from, place, how, noise, width]) => {
      const at = place % (from.length + 1);
      const [before, cut, after] = [from.slice(0, at), from.slice(at, at + width), from.slice(at + width)];
      switch (how) {
        case 0:
          return from;
        case 1:
          return before + noise + cut + after;
        case 2:
          return before + after;
        case 3:
          return before + cut + cut + after;
        case 4:
          return before + cut.toUpperCase() + after;
        default:
          return before + noise + after;
      }
    });

/** Beginnings and ends of a text, which look like it and are not. */
export const cutAnywhere = (text: string): fc.Arbitrary<string> =>
  fc.tuple(fc.nat({ max: text.length }), fc.boolean()).map(([at, head]) => (head ? text.slice(0, at) : text.slice(at)));

/** What arrives piece by piece. */
export async function* inPieces(
  pieces: readonly Uint8Array[],
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (const piece of pieces) yield Uint8Array.from(piece);
}
