import { SigningKeysDocument } from "../../../shared/contracts/http/signing-keys.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { keysDocument } from "../../evidence/keys-document.ts";
import { NO_INPUT } from "../input.ts";
import { evidenceCall, signerOf } from "../ledger/evidence-parts.ts";
import { operation, value } from "../operation.ts";

/** Public, because whoever verifies evidence needs no account; a verifier keeps a copy of its own. */
export const signingKeys = operation({
  id: "cell.signing-keys",
  method: "get",
  path: "/.well-known/bailiwick-keys.json",
  action: "cell:health",
  gate: "public",
  credential: "fresh",
  effect: "read",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
  success: [200, SigningKeysDocument, "Every key that signs, will sign or has signed, with its times."],
  problems: ["evidence-unavailable"],
  summary: "Signing keys of ledgers and evidence",
  tag: "Cell",
  resource: { kind: "cell" },
  async execute(deps) {
    const keys = await evidenceCall(signerOf(deps).keys());
    return value(keysDocument(deps.cell.id, deps.ledgerOrigin, keys), {
      "cache-control": `public, max-age=${LIMITS.signerKeysAgeMsMax / 1_000}`,
    });
  },
});
