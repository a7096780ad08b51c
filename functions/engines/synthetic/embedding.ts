import type { JsonValue } from "../../../shared/contracts/json.ts";
import { fnv1a, sequence } from "./seeded.ts";

const DIMENSIONS_PER_WORD = 4;

/**
 * A unit vector that depends on the text alone. Each word adds to a few dimensions that its hash picks, so texts that
 * share words are near; a faint part from the whole text keeps different texts apart.
 */
export function embed(text: string, dimensions: number): Float32Array<ArrayBuffer> {
  const sums = new Float64Array(dimensions);
  const noise = sequence(fnv1a(text));
  for (let i = 0; i < dimensions; i++) sums[i] = (noise() - 0.5) * 0.02;
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    const random = sequence(fnv1a(word));
    for (let i = 0; i < DIMENSIONS_PER_WORD; i++) {
      const at = Math.floor(random() * dimensions);
      sums[at] = (sums[at] ?? 0) + (random() < 0.5 ? -1 : 1);
    }
  }
  const norm = Math.hypot(...sums) || 1;
  return Float32Array.from(sums, (value) => value / norm);
}

/** OpenAI's `base64` encoding: little-endian 32-bit floats, whatever the machine's order. */
export function base64Floats(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, i) => {
    view.setFloat32(i * 4, value, true);
  });
  let binary = "";
  for (let i = 0; i < view.byteLength; i++) binary += String.fromCharCode(view.getUint8(i));
  return btoa(binary);
}

/** The texts of an embedding input: text, texts, tokens, or lists of tokens; null for anything else. */
export function embeddingInputs(input: JsonValue | undefined): { text: string; tokens: number | null }[] | null {
  if (typeof input === "string") return [{ text: input, tokens: null }];
  if (!Array.isArray(input) || input.length === 0) return null;
  if (typeof input[0] === "number") return [{ text: input.join(" "), tokens: input.length }];
  const texts: { text: string; tokens: number | null }[] = [];
  for (const element of input) {
    if (typeof element === "string") texts.push({ text: element, tokens: null });
    else if (Array.isArray(element)) texts.push({ text: element.join(" "), tokens: element.length });
    else return null;
  }
  return texts;
}
