import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { type Signer, SignerUnavailable } from "../../../shared/contracts/ports/signer.ts";
import { cachedKeys } from "./cached-keys.ts";
import { type SignerService, signerOver } from "./signer-service.ts";

/** The signer entry behind a service binding. What does not answer within 10 s, or at all, is `SignerUnavailable`. */
export function remoteSigner(service: SignerService, clock: Clock): Signer {
  const over = signerOver({
    keys: () => reached(service.keys()),
    signCheckpoint: (checkpoint) => reached(service.signCheckpoint(checkpoint)),
    signStatement: (statement) => reached(service.signStatement(statement)),
  });
  return cachedKeys(over, clock);
}

async function reached<T>(call: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), LIMITS.signerAnswerMsMax);
  });
  try {
    return await Promise.race([call, late]);
  } catch (cause) {
    throw new SignerUnavailable("the signer could not be reached", { cause });
  } finally {
    clearTimeout(timer);
  }
}
