import type { AdmitOutcome, AdmitRequest } from "../../shared/contracts/ports/tenant-store.ts";
import { err } from "../../shared/contracts/result.ts";
import { ObjectOverloaded } from "../runtime/object-class.ts";

const RETRY_MS = 1_000;

/** An admission that the object never saw, because too many calls wait for it, is refused as `overloaded`. */
export async function shedding(
  requests: readonly AdmitRequest[],
  send: () => Promise<AdmitOutcome[]>,
): Promise<AdmitOutcome[]> {
  try {
    return await send();
  } catch (cause) {
    if (!(cause instanceof ObjectOverloaded)) throw cause;
    return requests.map((): AdmitOutcome => err({ reason: "overloaded", retry_after_ms: RETRY_MS }));
  }
}
