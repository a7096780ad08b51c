import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import type { Clock } from "../contracts/ports/clock.ts";
import { type JobQueue, JobQueueUnavailable, type QueueName, type ReceivedJob } from "../contracts/ports/job-queue.ts";
import { checkBody, checkOutgoing, checkPage, checkVisibility, cleanReason, receiveBounds } from "./bounds.ts";
import type { QueueOwner } from "./names.ts";
import { called, isStaleReceipt, type SqsConnection, sqsClient } from "./sqs-client.ts";
import { SqsDeadLetters } from "./sqs-dead.ts";
import { ASKED, groupOf, handleOf, outgoing, received } from "./sqs-messages.ts";
import { present, queueUrls } from "./sqs-queues.ts";

export interface SqsJobQueueOptions extends SqsConnection, QueueOwner {
  jurisdiction: string;
  clock: Clock;
  /** Turns tenants into groups of fair queues; the same for everybody who sends in this cell, at least 32 bytes. */
  groupKey: Uint8Array;
}

const GROUP_KEY_BYTES_MIN = 32;
const wholeSeconds = (ms: number): number => Math.ceil(ms / 1000);

/**
 * `JobQueue` over standard SQS queues named `<prefix>-<cell>-<pool>-<class>`, with dead letters in `…-dead`. Tenants are
 * groups of a fair queue: one with a backlog does not delay the others. Times are rounded up to whole seconds. A job that
 * is given up is sent to the dead letters before it is deleted, so that it can be there twice and never nowhere.
 */
export function sqsJobQueue(options: SqsJobQueueOptions): JobQueue {
  const { jurisdiction, clock, groupKey } = options;
  if (groupKey.length < GROUP_KEY_BYTES_MIN) throw new RangeError("the key of groups has at least 32 bytes");
  const client = sqsClient(options);
  const urlsOf = queueUrls(client, options);
  const leave = new AbortController();

  const opened = async (queue: QueueName) => {
    if (leave.signal.aborted) throw new JobQueueUnavailable("the queue is closed");
    return urlsOf(queue);
  };
  const deadLetters = async (queue: QueueName) => new SqsDeadLetters(client, queue, await opened(queue));

  async function remove(job: ReceivedJob): Promise<void> {
    const { live } = await opened(job.queue);
    const command = new DeleteMessageCommand({ QueueUrl: live, ReceiptHandle: handleOf(job).handle });
    try {
      await called("removing a job", (call) => client.send(command, call), { expected: isStaleReceipt });
    } catch (cause) {
      if (!isStaleReceipt(cause)) throw cause;
    }
  }

  return {
    placement: { technology: "sqs", jurisdiction },

    async send(job) {
      checkOutgoing(job);
      const { body, tenant, traceparent } = job;
      const { live } = await opened(job.queue);
      const command = new SendMessageCommand(outgoing(live, { body, traceparent, group: groupOf(groupKey, tenant) }));
      const answer = await called("sending a job", (call) => client.send(command, call));
      present(answer.MessageId, "the id of what was sent");
    },

    async receive(queue, asked) {
      const { max, waitMs, visibilityMs } = receiveBounds(asked);
      if (asked.signal?.aborted) return [];
      const { live } = await opened(queue);
      const signal = asked.signal ? AbortSignal.any([asked.signal, leave.signal]) : leave.signal;
      const command = new ReceiveMessageCommand({
        QueueUrl: live,
        MaxNumberOfMessages: max,
        WaitTimeSeconds: wholeSeconds(waitMs),
        VisibilityTimeout: wholeSeconds(visibilityMs),
        MessageSystemAttributeNames: [...ASKED.MessageSystemAttributeNames],
        MessageAttributeNames: [...ASKED.MessageAttributeNames],
      });
      try {
        const answer = await called("receiving", (call) => client.send(command, call), { waitMs, signal });
        return (answer.Messages ?? []).map((message) => received(queue, message));
      } catch (cause) {
        // A message may have been on its way just then: it shows itself again after `visibility_ms`.
        if (signal.aborted) return [];
        throw cause;
      }
    },

    async extend(job, visibilityMs) {
      const { live } = await opened(job.queue);
      const command = new ChangeMessageVisibilityCommand({
        QueueUrl: live,
        ReceiptHandle: handleOf(job).handle,
        VisibilityTimeout: wholeSeconds(checkVisibility(visibilityMs, 0)),
      });
      try {
        await called("extending", (call) => client.send(command, call), { expected: isStaleReceipt });
        return true;
      } catch (cause) {
        if (isStaleReceipt(cause)) return false;
        throw cause;
      }
    },

    remove,

    async bury(job, reason) {
      const { dead } = await opened(job.queue);
      const { body, traceparent } = job;
      const letter = outgoing(
        dead,
        { body, traceparent, group: handleOf(job).group },
        { reason: cleanReason(reason), dead_ms: clock.now(), sent_ms: job.sent_ms, deliveries: job.deliveries },
      );
      await called("burying a job", (call) => client.send(new SendMessageCommand(letter), call));
      // If we end here the job is delivered again and given up again: two letters, no job lost.
      await remove(job);
    },

    async depth(queue) {
      const { live, dead } = await opened(queue);
      const count = async (url: string) => {
        const command = new GetQueueAttributesCommand({
          QueueUrl: url,
          AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        });
        const answer = await called("counting jobs", (call) => client.send(command, call));
        return {
          ready: Number(present(answer.Attributes?.ApproximateNumberOfMessages, "a count")),
          hidden: Number(present(answer.Attributes?.ApproximateNumberOfMessagesNotVisible, "a count")),
        };
      };
      const [jobs, letters] = await Promise.all([count(live), count(dead)]);
      return { ready: jobs.ready, in_flight: jobs.hidden, dead: letters.ready + letters.hidden, oldest_ms: null };
    },

    dead: async (queue, { limit }) => (await deadLetters(queue)).list(checkPage(limit)),
    deadLetter: async (queue, id) => (await deadLetters(queue)).one(id),
    redrive: async (queue, id, body) => {
      if (body !== undefined) checkBody(body);
      return (await deadLetters(queue)).redrive(id, body);
    },
    purge: async (queue, id) => (await (await deadLetters(queue)).purge([id])) > 0,
    purgeAll: async (queue, ids) => (await deadLetters(queue)).purge(ids),

    async close() {
      leave.abort();
      client.destroy();
    },
  };
}
