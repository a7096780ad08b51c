import { DecisionRecord } from "../../../shared/contracts/policy/record.ts";
import type { KeptDecision } from "../../../shared/contracts/ports/tenant-store.ts";

/** A kept decision's record; the ring holds only what this code's own schema wrote. Throws on anything else. */
export const recordOf = ({ record }: Pick<KeptDecision, "record">): DecisionRecord =>
  DecisionRecord.parse(JSON.parse(record));
