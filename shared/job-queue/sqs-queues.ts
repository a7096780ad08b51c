import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { LIMITS } from "../contracts/limits.ts";
import { JobQueueUnavailable, QUEUE_CLASSES, type QueueName } from "../contracts/ports/job-queue.ts";
import { type QueueOwner, sqsNames } from "./names.ts";
import { called, isMissingQueue, type SqsConnection, sqsClient } from "./sqs-client.ts";

export interface QueueUrls {
  live: string;
  dead: string;
}

/**
 * Asks for each queue's URLs until they are known. What is kept are answers, never questions under way: on workerd a
 * promise of one request is nothing that another may wait for. Rejects with `JobQueueUnavailable` where there is none.
 */
export function queueUrls(client: SQSClient, owner: QueueOwner): (queue: QueueName) => Promise<QueueUrls> {
  const known = new Map<string, QueueUrls>();
  return async (queue) => {
    const names = sqsNames(owner, queue);
    const found = known.get(names.live);
    if (found) return found;
    const [live, dead] = await Promise.all([urlOf(client, names.live), urlOf(client, names.dead)]);
    if (live === null || dead === null) throw new JobQueueUnavailable(`there is no queue ${names.live}`);
    if (known.size >= LIMITS.queueUrlsMax) known.clear();
    known.set(names.live, { live, dead });
    return { live, dead };
  };
}

async function urlOf(client: SQSClient, name: string): Promise<string | null> {
  try {
    const answer = await called(
      "finding a queue",
      (options) => client.send(new GetQueueUrlCommand({ QueueName: name }), options),
      { expected: isMissingQueue },
    );
    return present(answer.QueueUrl, "the URL of a queue");
  } catch (cause) {
    if (isMissingQueue(cause)) return null;
    throw cause;
  }
}

/**
 * Makes the queues of pools, or brings them to what this release wants: retention, encryption at rest, and a redrive
 * policy as a backstop for messages that nobody gives up. For deployments and tests; cells and workers need no right to it.
 */
export async function provisionSqs(
  options: SqsConnection & QueueOwner,
  pools: readonly string[],
): Promise<{ live: string; dead: string }[]> {
  const client = sqsClient(options);
  const made: QueueUrls[] = [];
  const queues = pools.flatMap((pool) => QUEUE_CLASSES.map((of) => ({ pool, class: of })));
  try {
    for (const queue of queues) {
      const names = sqsNames(options, queue);
      const dead = await ensure(client, names.dead, {
        MessageRetentionPeriod: seconds(LIMITS.queueDeadMs),
        SqsManagedSseEnabled: "true",
      });
      const deadLetterTargetArn = await arnOf(client, dead);
      await ensure(client, names.live, {
        MessageRetentionPeriod: seconds(LIMITS.queueRetentionMs),
        SqsManagedSseEnabled: "true",
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: LIMITS.queueReceivesMax }),
      });
      made.push(names);
    }
  } finally {
    client.destroy();
  }
  return made;
}

const seconds = (ms: number): string => String(Math.ceil(ms / 1000));

async function ensure(client: SQSClient, name: string, attributes: Record<string, string>): Promise<string> {
  const found = await urlOf(client, name);
  if (found === null) {
    const create = new CreateQueueCommand({ QueueName: name, Attributes: attributes });
    return present((await called("making a queue", (options) => client.send(create, options))).QueueUrl, "its URL");
  }
  const change = new SetQueueAttributesCommand({ QueueUrl: found, Attributes: attributes });
  await called("changing a queue", (options) => client.send(change, options));
  return found;
}

async function arnOf(client: SQSClient, url: string): Promise<string> {
  const ask = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] });
  const answer = await called("reading a queue", (options) => client.send(ask, options));
  return present(answer.Attributes?.QueueArn, "the ARN of a queue");
}

/** @throws JobQueueUnavailable for an answer that lacks what SQS promises. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new JobQueueUnavailable(`the answer lacks ${what}`);
  return value;
}
