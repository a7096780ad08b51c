import { hex8, sequence } from "./seeded.ts";

const WORDS =
  "a the each one request answer model cell region policy budget ledger record stream token bound limit signed local open is was keeps holds gives shows follows with under over before after every same small steady clear".split(
    " ",
  );
const TOKENS_MIN = 24;
const TOKENS_SPREAD = 40;

/**
 * The text of an answer as its tokens: a fixed opening that names the input's hash, then words drawn from it. Each token
 * is a word with the space before it, so the joined tokens are the text.
 */
export function answerTokens(hash: number): string[] {
  const random = sequence(hash);
  const pick = (): string => WORDS[Math.floor(random() * WORDS.length)] ?? "a";
  const tokens = ["Synthetic", " answer", ` ${hex8(hash)}:`];
  const length = TOKENS_MIN + Math.floor(random() * TOKENS_SPREAD);
  while (tokens.length < length - 1) tokens.push(` ${pick()}`);
  tokens.push(` ${pick()}.`);
  return tokens;
}

/** Cuts given text (JSON of a structured answer or of tool arguments) into tokens of 4 characters. */
export function textTokens(text: string): string[] {
  // Code points, so that no token ends inside a surrogate pair.
  const points = Array.from(text);
  const tokens: string[] = [];
  for (let i = 0; i < points.length; i += 4) tokens.push(points.slice(i, i + 4).join(""));
  return tokens;
}

/** Input is counted at 4 UTF-16 units a token: below its UTF-8 bytes, so below the bound that is held. */
export const inputTokens = (text: string): number => Math.max(1, Math.ceil(text.length / 4));

/** Tokens up to the first stop sequence and the cap, and what ended them. */
export function cutTokens(
  tokens: readonly string[],
  max: number | null,
  stops: readonly string[],
): { tokens: string[]; finish: "stop" | "length" } {
  const text = tokens.join("");
  const stopAt = Math.min(
    ...stops
      .filter((stop) => stop !== "")
      .map((stop) => text.indexOf(stop))
      .filter((at) => at >= 0),
  );
  const kept: string[] = [];
  let length = 0;
  for (const token of tokens) {
    if (length >= stopAt) break;
    if (max !== null && kept.length >= max) return { tokens: kept, finish: "length" };
    const room = stopAt - length;
    const part = token.length > room ? token.slice(0, room) : token;
    if (part !== "") kept.push(part);
    length += token.length;
  }
  return { tokens: kept, finish: "stop" };
}
