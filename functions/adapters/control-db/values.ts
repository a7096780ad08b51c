import type { JsonValue } from "../../../shared/contracts/json.ts";
import type { Row, Statement } from "../../../shared/contracts/ports/control-db.ts";

/** A statement whose parameters are Postgres text, so that every driver sends the same bytes. */
export interface EncodedStatement {
  text: string;
  params: (string | null)[];
}

/** Objects and arrays travel as JSON text (cast them to `jsonb`), bytes as `\x` hex (cast to `bytea`). */
export function encodeParam(value: JsonValue | Uint8Array): string | null {
  if (value === null) return null;
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array)
    return `\\x${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export const encode = (statement: Statement): EncodedStatement => ({
  text: statement.text,
  params: statement.params.map(encodeParam),
});

const BOOL = 16;
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const OID = 26;
const JSON_TEXT = 114;
const FLOAT4 = 700;
const FLOAT8 = 701;
const NUMERIC = 1700;
const JSONB = 3802;

/** Types that `decode` turns into something else than text. */
export const DECODED_TYPES = [BOOL, INT8, INT2, INT4, OID, JSON_TEXT, FLOAT4, FLOAT8, NUMERIC, JSONB] as const;

/**
 * A column's text as JSON value, the same for every driver: integers are exact numbers, and a `bigint` or `numeric` that
 * a number cannot hold stays text; dates and everything else stay text as Postgres prints them.
 */
export function decode(oid: number, text: string): JsonValue {
  switch (oid) {
    case BOOL:
      return text === "t" || text === "true";
    case INT2:
    case INT4:
    case OID:
    case FLOAT4:
    case FLOAT8:
      return Number(text);
    case INT8:
    case NUMERIC: {
      const n = Number(text);
      return Number.isSafeInteger(n) && /^-?\d+$/.test(text) ? n : text;
    }
    case JSON_TEXT:
    case JSONB:
      // safe because: JSON.parse answers nothing but JSON values
      return JSON.parse(text) as JsonValue;
    default:
      return text;
  }
}

/** One transaction as a database driver runs it: statements in order, all or nothing. Errors are the driver's own. */
export interface Executor {
  transaction(statements: readonly EncodedStatement[]): Promise<Row[][]>;
  close(): Promise<void>;
}
