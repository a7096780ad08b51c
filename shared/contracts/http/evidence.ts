import { z } from "zod";
import { TaskId } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { TimestampInput } from "./fields.ts";

export const TaskEvidencePath = z.strictObject({ task_id: TaskId });

/** A DSSE 1.0.2 envelope; its payload is the statement of docs/ledger.md §4. */
export const EvidenceEnvelope = z
  .strictObject({
    payloadType: z.string(),
    payload: z.string().meta({ description: "Base64 of an in-toto Statement v1 in RFC 8785 form." }),
    signatures: z
      .array(z.strictObject({ keyid: z.string(), sig: z.string() }))
      .min(2)
      .max(LIMITS.dsseSignaturesMax)
      .meta({ description: "At least one Ed25519 and one ML-DSA-65 signature." }),
  })
  .meta({
    id: "EvidenceEnvelope",
    example: {
      payloadType: "application/vnd.in-toto+json",
      payload: "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ==",
      signatures: [
        { keyid: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", sig: "AAAA" },
        { keyid: "T9k8i5DsgKCdzfGhIyrIBYwmqK2YOeVhNIDVfLKQKYc", sig: "AAAA" },
      ],
    },
  });

export const EXPORT_FORMATS = ["tar", "ocsf"] as const;

/** Query of `GET /v1/ledger/export`; values come as text. What times mean together is the operation's to check. */
export const ExportQuery = z.strictObject({
  from: TimestampInput.optional().meta({ description: "First instant of the period; absent: a day before `to`." }),
  to: TimestampInput.optional().meta({
    description: `Instant after the last, not in the future; absent: now. At most ${LIMITS.exportPeriodMsMax / 86_400_000} days after \`from\`.`,
  }),
  format: z.enum(EXPORT_FORMATS).default("tar").meta({
    description: "`tar`: the signed archive. `ocsf`: the same entries as OCSF 1.5 events, one JSON document a line.",
  }),
});
export type ExportQuery = z.infer<typeof ExportQuery>;

/** Path of a tile under `tile/`, as C2SP tlog-tiles spells it; anything else is answered like one that is not there. */
export const TilePathParams = z.strictObject({
  path: z.string().max(64).meta({
    description: "`<L>/<N>`, `entries/<N>`, each also with `.p/<W>`; N in groups of three digits, as `x001/x234/067`.",
  }),
});
