import { WorkerEntrypoint } from "cloudflare:workers";
import type { Signer as SignerPort } from "../../shared/contracts/ports/signer.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { secretSigner } from "../adapters/signer/secret.ts";
import { type SignerService, signerService } from "../adapters/signer/signer-service.ts";

interface Bindings {
  /** The key document: the only binding of this service. */
  BAILIWICK_SIGNING_KEYS?: string;
}

/** Derived keys are kept for as long as the isolate lives. */
let kept: { text: string | undefined; service: SignerService } | null = null;

function serviceOf({ BAILIWICK_SIGNING_KEYS: text }: Bindings): SignerService {
  if (kept === null || kept.text !== text) {
    const signer = secretSigner({ name: "BAILIWICK_SIGNING_KEYS", text }, systemClock);
    kept = { text, service: signerService(signer) };
  }
  return kept.service;
}

/** The cell's signing keys on Workers, for whoever holds a service binding to this class; nobody reaches it over HTTP. */
export class Signer extends WorkerEntrypoint<Bindings> implements SignerService {
  keys() {
    return serviceOf(this.env).keys();
  }
  signCheckpoint(...args: Parameters<SignerPort["signCheckpoint"]>) {
    return serviceOf(this.env).signCheckpoint(...args);
  }
  signStatement(...args: Parameters<SignerPort["signStatement"]>) {
    return serviceOf(this.env).signStatement(...args);
  }
}

export default {
  /** There is no route to this service; should one be made by mistake, it says nothing. */
  fetch: (): Response => new Response(null, { status: 404 }),
};
