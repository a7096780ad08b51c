import type { Family } from "./attack.ts";
import { STREAMS } from "./families/streams.ts";
import { TOKENS } from "./families/tokens.ts";

/** Every attack that is tried, in the page's order. */
export const FAMILIES: readonly Family[] = [TOKENS, STREAMS];
