import { encodeHex } from "../../shared/crypto/hex.ts";
import { leafHash } from "../../shared/crypto/log/tree.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";

/** What `prev` of the next entry must be, from an entry's canonical text. */
export const leafHex = (text: string): string => encodeHex(leafHash(utf8(text)));
