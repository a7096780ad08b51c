import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { LIMITS } from "../contracts/limits.ts";
import type { DeadJob, QueueName } from "../contracts/ports/job-queue.ts";
import { called } from "./sqs-client.ts";
import { ASKED, deadJob, factsOf, outgoing } from "./sqs-messages.ts";
import { present, type QueueUrls } from "./sqs-queues.ts";

const SECOND_MS = 1000;

/**
 * Dead letters of one queue. SQS shows messages only by receiving them: a look hides them from other looks for its
 * duration, at most `queuePeekMs`, and gives them back. What somebody else looks at just then is not found.
 */
export class SqsDeadLetters {
  readonly #client: SQSClient;
  readonly #queue: QueueName;
  readonly #urls: QueueUrls;

  constructor(client: SQSClient, queue: QueueName, urls: QueueUrls) {
    this.#client = client;
    this.#queue = queue;
    this.#urls = urls;
  }

  /** Oldest first among those that the queue showed. */
  async list(limit: number): Promise<DeadJob[]> {
    const { seen } = await this.#look((messages) => messages.length >= limit);
    return seen
      .map((message) => deadJob(this.#queue, message))
      .sort((a, b) => a.dead_ms - b.dead_ms || (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  }

  async one(id: string): Promise<DeadJob | null> {
    const { seen } = await this.#look((messages) => messages.some(({ MessageId }) => MessageId === id));
    const message = seen.find(({ MessageId }) => MessageId === id);
    return message === undefined ? null : deadJob(this.#queue, message);
  }

  async redrive(id: string, body?: string): Promise<boolean> {
    return this.#withOne(id, async (message) => {
      const facts = factsOf(message);
      const again = new SendMessageCommand(outgoing(this.#urls.live, { ...facts, body: body ?? facts.body }));
      await called("redriving a job", (options) => this.#client.send(again, options));
      // If we end here the letter stays and its job runs: a later redrive is a duplicate, which every run tells.
      await this.#delete(message);
    });
  }

  /** Answers how many were there. */
  async purge(ids: readonly string[]): Promise<number> {
    const wanted = new Set(ids);
    const isWanted = ({ MessageId }: Message) => MessageId !== undefined && wanted.has(MessageId);
    const { seen } = await this.#look(
      (messages) => messages.filter(isWanted).length >= wanted.size,
      async (messages) => {
        for (const message of messages.filter(isWanted)) await this.#delete(message);
        return messages.filter((message) => !isWanted(message));
      },
    );
    return seen.filter(isWanted).length;
  }

  async #withOne(id: string, act: (message: Message) => Promise<void>): Promise<boolean> {
    const { seen } = await this.#look(
      (messages) => messages.some(({ MessageId }) => MessageId === id),
      async (messages) => {
        const message = messages.find(({ MessageId }) => MessageId === id);
        if (message) await act(message);
        return messages.filter((other) => other !== message);
      },
    );
    return seen.some(({ MessageId }) => MessageId === id);
  }

  /** Receives until `enough` or nothing is left, acts, and gives back what `act` answers, or all of it. */
  async #look(
    enough: (messages: Message[]) => boolean,
    act: (messages: Message[]) => Promise<Message[]> = async (messages) => messages,
  ): Promise<{ seen: Message[] }> {
    const seen: Message[] = [];
    let back = seen;
    try {
      while (seen.length < LIMITS.queuePeekJobsMax && !enough(seen)) {
        const more = await this.#receive();
        if (more.length === 0) break;
        seen.push(...more);
      }
      back = await act(seen);
      return { seen: [...seen] };
    } finally {
      await this.#giveBack(back);
    }
  }

  async #receive(): Promise<Message[]> {
    const receive = new ReceiveMessageCommand({
      QueueUrl: this.#urls.dead,
      MaxNumberOfMessages: LIMITS.queueReceiveJobsMax,
      // A wait, however short, asks every server of the queue; without one some letters would seem to be gone.
      WaitTimeSeconds: 1,
      VisibilityTimeout: LIMITS.queuePeekMs / SECOND_MS,
      MessageSystemAttributeNames: [...ASKED.MessageSystemAttributeNames],
      MessageAttributeNames: [...ASKED.MessageAttributeNames],
    });
    const answer = await called("looking at dead letters", (options) => this.#client.send(receive, options), {
      waitMs: SECOND_MS,
    });
    return answer.Messages ?? [];
  }

  async #delete({ ReceiptHandle }: Message): Promise<void> {
    const handle = present(ReceiptHandle, "a receipt");
    const remove = new DeleteMessageCommand({ QueueUrl: this.#urls.dead, ReceiptHandle: handle });
    await called("removing a dead letter", (options) => this.#client.send(remove, options));
  }

  /** Those that cannot be given back show themselves again after `queuePeekMs`. */
  async #giveBack(messages: readonly Message[]): Promise<void> {
    for (let at = 0; at < messages.length; at += LIMITS.queueReceiveJobsMax) {
      const some = messages.slice(at, at + LIMITS.queueReceiveJobsMax);
      const show = new ChangeMessageVisibilityBatchCommand({
        QueueUrl: this.#urls.dead,
        Entries: some.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: 0 })),
      });
      await called("giving dead letters back", (options) => this.#client.send(show, options));
    }
  }
}
