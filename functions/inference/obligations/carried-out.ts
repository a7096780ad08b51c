import { OBLIGATION_IDS, type ObligationId } from "../../../shared/contracts/policy/obligations.ts";

/** What the inference views carry out: everything. An operation that a decision obliges to anything else is denied. */
export const INFERENCE_OBLIGATIONS: readonly ObligationId[] = OBLIGATION_IDS;

/** What reading stored answers and conversation items carries out by itself. */
export const STORED_READ_OBLIGATIONS: readonly ObligationId[] = ["redact_output"];
