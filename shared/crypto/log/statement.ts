import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../../contracts/json.ts";
import { LIMITS } from "../../contracts/limits.ts";
import { canonicalJson } from "../canonical-json.ts";
import { utf8 } from "../utf8.ts";

export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
/** DSSE payload type of in-toto statements. */
export const STATEMENT_PAYLOAD_TYPE = "application/vnd.in-toto+json";

/** in-toto Statement v1 with the members that our evidence uses, and no other. */
export const Statement = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        /** Algorithm → lower-case hex. */
        digest: z
          .record(z.string().min(1), z.string().regex(/^(?:[0-9a-f]{2})+$/))
          .refine((digest) => Object.keys(digest).length > 0),
      }),
    )
    .min(1),
  predicateType: z.string().min(1),
  predicate: z.custom<JsonObject>(isJsonObject),
});
export type Statement = z.infer<typeof Statement>;

/** RFC 8785 bytes of a statement: the body that `signDsse` signs under `STATEMENT_PAYLOAD_TYPE`. */
export const formatStatement = (statement: Omit<Statement, "_type">): Uint8Array<ArrayBuffer> =>
  utf8(canonicalJson({ _type: STATEMENT_TYPE, ...statement }));

const within = (value: JsonValue, depth: number): boolean =>
  typeof value !== "object" || value === null || (depth > 0 && Object.values(value).every((m) => within(m, depth - 1)));

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The statement in `bytes`; null unless they are exactly the canonical form of one, so that no member can be there twice
 * and no two texts mean the same. Bounded in depth.
 */
export function parseStatement(bytes: Uint8Array): Statement | null {
  let text: string;
  let value: JsonValue;
  try {
    text = decoder.decode(bytes);
    value = JSON.parse(text);
  } catch {
    return null; // Bytes that are not UTF-8 or text that is not JSON: neither call throws for anything else.
  }
  if (!within(value, LIMITS.jsonDepthMax)) return null;
  const parsed = Statement.safeParse(value);
  return parsed.success && canonicalText(value) === text ? parsed.data : null;
}

/** Null where the value has no canonical form: a string with a lone surrogate. */
function canonicalText(value: JsonValue): string | null {
  try {
    return canonicalJson(value);
  } catch (cause) {
    if (cause instanceof TypeError) return null;
    throw cause;
  }
}
