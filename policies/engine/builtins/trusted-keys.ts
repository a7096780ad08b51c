import { builtinError } from "../failure.ts";
import { spendText } from "../meter.ts";
import { parseCertificate } from "./certificate.ts";
import { single, TAG } from "./der.ts";
import { type NamedKey, namedKeys, publicKeyOf } from "./keys.ts";
import { pemBlocks } from "./pem.ts";

/** The keys of a PEM certificate, a PEM public key, or a JWK or set of them. */
export function trustedKeys(text: string): NamedKey[] {
  spendText(text.length);
  const { blocks, rest } = pemBlocks(text);
  const [block, more] = blocks;
  if (block === undefined) return namedKeys(text);
  if (more !== undefined || rest.length > 0) throw builtinError("extra data after a PEM certificate block");
  if (block.label === "CERTIFICATE")
    return [{ id: "", algorithm: "", key: parseCertificate(single(block.bytes, TAG.sequence)).publicKey() }];
  if (block.label === "PUBLIC KEY")
    return [{ id: "", algorithm: "", key: publicKeyOf(single(block.bytes, TAG.sequence)) }];
  throw builtinError("failed to extract a Key from the PEM certificate");
}
