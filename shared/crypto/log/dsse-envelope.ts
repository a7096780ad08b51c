import { z } from "zod";
import { LIMITS } from "../../contracts/limits.ts";
import { canonicalJson } from "../canonical-json.ts";
import { utf8 } from "../utf8.ts";

/** DSSE 1.0.2 envelope; payload and signatures are standard base64 with padding. */
export const DsseEnvelope = z.strictObject({
  payloadType: z.string().min(1).max(255),
  payload: z.string(),
  signatures: z
    .array(z.strictObject({ keyid: z.string().max(255).default(""), sig: z.string() }))
    .min(1)
    .max(LIMITS.dsseSignaturesMax),
});
export type DsseEnvelope = z.infer<typeof DsseEnvelope>;

/** What is signed: `"DSSEv1" SP length(type) SP type SP length(body) SP body`, lengths in bytes. */
export function pae(type: string, body: Uint8Array): Uint8Array {
  const head = utf8(`DSSEv1 ${utf8(type).length} ${type} ${body.length} `);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/** The envelope as canonical JSON text. */
export const formatDsse = (envelope: DsseEnvelope): string => canonicalJson(envelope);

/** The envelope in `text`; null unless it is one, within the bounds, with no member that is not known. */
export function parseDsse(text: string): DsseEnvelope | null {
  if (text.length > LIMITS.dsseBytesMax) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null; // `JSON.parse` throws only for text that is not JSON.
  }
  return DsseEnvelope.safeParse(parsed).data ?? null;
}
