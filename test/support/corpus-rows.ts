import { isJsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import type { DsseEnvelope } from "../../shared/crypto/log/dsse.ts";
import { A, type CorpusRow, GENERATED_AT, KEYS, LOG, RAN, SIZE } from "./corpus-world.ts";
import { json, type MadeLog, type MadePair, type MadeStatement, seal, taskStatement } from "./evidence-maker.ts";

export type Expected = CorpusRow["expected"];

export const ABOUT = { size: SIZE, generatedAt: GENERATED_AT, pairs: [A] };
export const good = (log: MadeLog = LOG, indices: readonly number[] = RAN, about = ABOUT) =>
  taskStatement(log, indices, about);
export const sealed = (statement: JsonValue, pairs: readonly MadePair[] = [A]) => ({ ...seal(json(statement), pairs) });

/** A row over an envelope, or over bytes that are none. */
export function row(
  name: string,
  content: DsseEnvelope | Uint8Array,
  expected: CorpusRow["expected"],
  more: Partial<CorpusRow> = {},
): CorpusRow {
  const bytes = content instanceof Uint8Array ? content : json({ ...content });
  return { kind: "evidence", name, content: bytes, keys: KEYS, expected, ...more };
}

/** Another character at a place of base64 text that stays base64. */
export const flipped = (text: string, at = Math.floor(text.length / 2)): string =>
  `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;

/** Signatures of an envelope made anew; without a name for it the payload stays what it was. */
export const resigned = (
  envelope: DsseEnvelope,
  change: (signatures: DsseEnvelope["signatures"]) => DsseEnvelope["signatures"],
) => ({
  ...envelope,
  signatures: change(envelope.signatures.map((signature) => ({ ...signature }))),
});
export const broken = (at: number) => (signatures: DsseEnvelope["signatures"]) =>
  signatures.map((signature, place) => (place === at ? { ...signature, sig: flipped(signature.sig) } : signature));

export const deep = (statement: MadeStatement): MadeStatement => structuredClone(statement);

/** The value at a dotted path replaced; numbers are places in lists. */
export function put(statement: MadeStatement, path: string, value: JsonValue): MadeStatement {
  const changed = deep(statement);
  const names = path.split(".");
  const last = names.pop() ?? "";
  let at: JsonValue = changed;
  for (const name of names) at = (Array.isArray(at) ? at[Number(name)] : isJsonObject(at) ? at[name] : null) ?? null;
  if (Array.isArray(at)) at[Number(last)] = value;
  else if (isJsonObject(at)) at[last] = value;
  return changed;
}
