import type { Message, SendMessageCommandInput } from "@aws-sdk/client-sqs";
import { LIMITS } from "../contracts/limits.ts";
import type { DeadJob, QueueName, ReceivedJob } from "../contracts/ports/job-queue.ts";
import { encodeHex } from "../crypto/hex.ts";
import { hmacSha256 } from "../crypto/hmac-sha256.ts";
import { present } from "./sqs-queues.ts";

/** What travels beside a body. A group is a tenant that only the holder of the key can name. */
export interface MessageFacts {
  body: string;
  group: string;
  traceparent: string;
}

const GROUP_BYTES = 16;
/** Where the queue lost the group, such messages share one turn. */
const NO_GROUP = "0".repeat(2 * GROUP_BYTES);

/** Names of system attributes and of ours that every receive asks for. */
export const ASKED = {
  MessageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp", "MessageGroupId"],
  MessageAttributeNames: ["traceparent", "reason", "dead_ms", "sent_ms", "deliveries"],
} as const satisfies Record<string, readonly string[]>;

/** Fair queues serve groups in turn; the account that owns the queue learns no tenant's name from them. */
export const groupOf = (key: Uint8Array, tenant: string): string =>
  encodeHex(hmacSha256(key, `bailiwick.queue-group.v1\n${tenant}`).subarray(0, GROUP_BYTES));

/** A message as it is sent, to its queue or, with a reason, to the dead letters. */
export function outgoing(
  url: string,
  { body, group, traceparent }: MessageFacts,
  dead?: Pick<DeadJob, "reason" | "dead_ms" | "sent_ms" | "deliveries">,
): SendMessageCommandInput {
  const texts = {
    traceparent,
    ...(dead && {
      ...{ reason: dead.reason, dead_ms: String(dead.dead_ms) },
      ...{ sent_ms: String(dead.sent_ms ?? ""), deliveries: String(dead.deliveries ?? "") },
    }),
  };
  return {
    QueueUrl: url,
    MessageBody: body,
    MessageGroupId: group,
    MessageAttributes: Object.fromEntries(
      Object.entries(texts)
        .filter(([, StringValue]) => StringValue !== "")
        .map(([name, StringValue]) => [name, { DataType: "String", StringValue }]),
    ),
  };
}

const attribute = (message: Message, name: string): string => message.MessageAttributes?.[name]?.StringValue ?? "";
const number = (text: string | undefined): number =>
  text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;

export function factsOf(message: Message): MessageFacts {
  return {
    body: present(message.Body, "a message's body"),
    group: message.Attributes?.MessageGroupId ?? NO_GROUP,
    traceparent: attribute(message, "traceparent"),
  };
}

/** The receipt carries the group too, so that a job that is given up keeps its turn. */
export function received(queue: QueueName, message: Message): ReceivedJob {
  const { body, group, traceparent } = factsOf(message);
  return {
    queue: { ...queue },
    id: present(message.MessageId, "a message's id"),
    body,
    receipt: `${group}.${present(message.ReceiptHandle, "a receipt")}`,
    deliveries: Math.max(1, number(message.Attributes?.ApproximateReceiveCount)),
    sent_ms: number(message.Attributes?.SentTimestamp),
    traceparent,
  };
}

export function handleOf({ receipt }: ReceivedJob): { group: string; handle: string } {
  const cut = receipt.indexOf(".");
  const group = receipt.slice(0, Math.max(0, cut));
  return { group: group === "" ? NO_GROUP : group, handle: receipt.slice(cut + 1) };
}

/** A letter without a reason was moved by SQS itself, and then has the time at which its job was sent. */
export function deadJob(queue: QueueName, message: Message): DeadJob {
  const buried = attribute(message, "reason") !== "";
  const sentMs = number(buried ? attribute(message, "sent_ms") : message.Attributes?.SentTimestamp);
  const deliveries = buried ? number(attribute(message, "deliveries")) : LIMITS.queueReceivesMax;
  return {
    id: present(message.MessageId, "a message's id"),
    queue: { ...queue },
    body: present(message.Body, "a message's body"),
    reason: attribute(message, "reason") || "received too often",
    dead_ms: number(attribute(message, "dead_ms")) || number(message.Attributes?.SentTimestamp),
    sent_ms: sentMs || null,
    deliveries: deliveries || null,
  };
}
