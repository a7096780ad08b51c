import type { Family } from "./attack.ts";
import { EVIDENCE_FAMILY } from "./families/evidence.ts";
import { PARSING } from "./families/parsing.ts";
import { PROMPTS } from "./families/prompts.ts";
import { REPLAY } from "./families/replay.ts";
import { SSRF } from "./families/ssrf.ts";
import { STREAMS } from "./families/streams.ts";
import { TENANCY } from "./families/tenancy.ts";
import { TOKENS } from "./families/tokens.ts";

/** Every attack that is tried, in the page's order. */
export const FAMILIES: readonly Family[] = [TOKENS, PARSING, TENANCY, SSRF, REPLAY, STREAMS, PROMPTS, EVIDENCE_FAMILY];
