import { z } from "zod";
import { hkdfSha256 } from "../../shared/crypto/hkdf.ts";
import { QUEUE_PREFIX } from "../../shared/job-queue/names.ts";
import type { SqsJobQueueOptions } from "../../shared/job-queue/sqs.ts";
import { Redacted } from "../../shared/telemetry/redacted.ts";
import { EnvUnusable } from "./env-unusable.ts";

const text = z.string().min(1).max(1_024);
const secret = text.transform((value) => new Redacted(value));
const GROUP_KEY_BYTES = 32;

/** SQS queues for the workers of pools, which deployments make beforehand. */
export const QUEUE_VARIABLES = {
  BAILIWICK_SQS_PREFIX: z.string().regex(QUEUE_PREFIX).optional(),
  BAILIWICK_SQS_REGION: text.optional(),
  BAILIWICK_SQS_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  BAILIWICK_SQS_ACCESS_KEY_ID: secret.optional(),
  BAILIWICK_SQS_SECRET_ACCESS_KEY: secret.optional(),
};
const Queue = z.object(QUEUE_VARIABLES);

/** How the named queues are reached; null when none are named. Throws `EnvUnusable` when they are named in part. */
export function sqsOf(
  env: z.infer<typeof Queue>,
  of: { cell: string; root: Uint8Array } & Pick<SqsJobQueueOptions, "clock" | "jurisdiction" | "fetch">,
): SqsJobQueueOptions | null {
  const { BAILIWICK_SQS_PREFIX: prefix, BAILIWICK_SQS_REGION: region, BAILIWICK_SQS_ENDPOINT: endpoint } = env;
  const { BAILIWICK_SQS_ACCESS_KEY_ID: id, BAILIWICK_SQS_SECRET_ACCESS_KEY: key } = env;
  if (prefix === undefined) return null;
  if (region === undefined || id === undefined || key === undefined)
    throw new EnvUnusable(
      "BAILIWICK_SQS_PREFIX goes with BAILIWICK_SQS_REGION, BAILIWICK_SQS_ACCESS_KEY_ID and BAILIWICK_SQS_SECRET_ACCESS_KEY",
    );
  const { root, ...owner } = of;
  return {
    ...{ ...owner, prefix, region },
    ...(endpoint === undefined ? {} : { endpoint }),
    groupKey: hkdfSha256(root, undefined, "bailiwick/queue-groups/v1", GROUP_KEY_BYTES),
    credentials: async () => ({ access_key_id: id.reveal(), secret_access_key: key.reveal() }),
  };
}
