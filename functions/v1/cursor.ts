import { decodeBase64url, encodeBase64url } from "../../shared/crypto/base64url.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { ProblemError } from "../problem.ts";

const decoder = new TextDecoder();

/** Opaque page positions: the list's name and a key. Not secret and not trusted: stores parse the key again. */
export const encodeCursor = (list: string, position: string): string => encodeBase64url(utf8(`${list}\n${position}`));

export function decodeCursor(list: string, cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const bytes = decodeBase64url(cursor);
  const text = bytes && bytes.length <= 384 ? decoder.decode(bytes) : "";
  const position = text.slice(list.length + 1);
  // One spelling each: what is no UTF-8 decodes to something else than it came from.
  if (!text.startsWith(`${list}\n`) || encodeCursor(list, position) !== cursor)
    throw new ProblemError("invalid-request", { param: "cursor", detail: "This cursor is not from this list." });
  return position;
}
