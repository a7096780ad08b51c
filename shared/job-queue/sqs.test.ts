import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import type { UnixMs } from "../contracts/ids.ts";
import { LIMITS } from "../contracts/limits.ts";
import { JobQueueUnavailable, type QueueName } from "../contracts/ports/job-queue.ts";
import { type SqsJobQueueOptions, sqsJobQueue } from "./sqs.ts";
import { deadJob } from "./sqs-messages.ts";

const AT: QueueName = { pool: "p", class: "batch" };
const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const job = (tenant: string) => ({ queue: AT, body: "x", tenant, traceparent: TRACEPARENT });

interface Sent {
  action: string;
  body: Record<string, unknown>;
  authorization: string;
}

/** SQS's side of the wire, as far as a test needs it: answers by action, and what was asked. */
function wire(answers: Record<string, () => object | number>, change: Partial<SqsJobQueueOptions> = {}) {
  const sent: Sent[] = [];
  const queue = sqsJobQueue({
    region: "eu-central-1",
    endpoint: "http://sqs.example.com",
    prefix: "bw",
    cell: "eu1",
    jurisdiction: "eu",
    clock: { now: () => 1_800_000_000_000 as UnixMs }, // safe because: milliseconds
    groupKey: new Uint8Array(32).fill(1),
    credentials: async () => ({ access_key_id: "AKIAEXAMPLE", secret_access_key: "secret" }),
    async fetch(_url, init) {
      const headers = new Headers(init.headers);
      const action = headers.get("x-amz-target")?.split(".")[1] ?? "";
      const text = new TextDecoder().decode(init.body instanceof Uint8Array ? init.body : new Uint8Array());
      sent.push({ action, body: JSON.parse(text), authorization: headers.get("authorization") ?? "" });
      const answer =
        answers[action]?.() ?? (action === "GetQueueUrl" ? { QueueUrl: "http://elsewhere.example.com/1/q" } : {});
      if (typeof answer === "number") return new Response("{}", { status: answer });
      return Response.json(answer, { headers: { "content-type": "application/x-amz-json-1.0" } });
    },
    ...change,
  });
  return { queue, sent, of: (action: string) => sent.filter((each) => each.action === action) };
}
/** MD5 is how SQS says which body it took; the SDK compares. */
const accepted = {
  SendMessage: () => ({ MessageId: "m1", MD5OfMessageBody: createHash("md5").update("x").digest("hex") }),
};

it("names a tenant by a keyed group, the same each time, so that turns are fair and the account learns no name", async () => {
  const { queue, sent, of } = wire(accepted);
  for (const tenant of ["tenantOne", "tenantTwo", "tenantOne"]) await queue.send(job(tenant));
  const groups = of("SendMessage").map(({ body }) => body.MessageGroupId);
  expect(groups[0]).toMatch(/^[0-9a-f]{32}$/);
  expect([groups[2], groups[0] === groups[1]]).toEqual([groups[0], false]);
  expect(JSON.stringify(sent)).not.toContain("tenantOne");
  const other = wire(accepted, { groupKey: new Uint8Array(32).fill(2) });
  await other.queue.send(job("tenantOne"));
  expect(other.of("SendMessage")[0]?.body.MessageGroupId).not.toBe(groups[0]);
  expect(() => wire({}, { groupKey: new Uint8Array(31) })).toThrow(RangeError);
});

it("asks for a queue's address once, and again after it was not there", async () => {
  let there = false;
  const missing = () => (there ? { QueueUrl: "http://sqs.example.com/1/q" } : 503);
  const { queue, of } = wire({ ...accepted, GetQueueUrl: missing });
  await expect(queue.send(job("t1"))).rejects.toThrow(JobQueueUnavailable);
  there = true;
  const before = of("GetQueueUrl").length;
  await queue.send(job("t1"));
  await queue.send(job("t1"));
  expect(of("GetQueueUrl").length - before).toBe(2);
  expect(
    of("GetQueueUrl")
      .slice(-2)
      .map(({ body }) => body.QueueName)
      .sort(),
  ).toEqual(["bw-eu1-p-batch", "bw-eu1-p-batch-dead"]);
});

it("asks for credentials again shortly before they end, so that a long-lived cell keeps its queue", async () => {
  let given = 0;
  const credentials = async () => ({
    access_key_id: `AKIAEXAMPLE${++given}`,
    secret_access_key: "secret",
    session_token: "token",
    expires_ms: Date.now() + 1_000,
  });
  const { queue, sent } = wire(accepted, { credentials });
  await queue.send(job("t1"));
  const first = given;
  await queue.send(job("t1"));
  expect(given).toBeGreaterThan(first);
  expect(sent.at(-1)?.authorization).toContain(`AKIAEXAMPLE${given}/`);
});

it.each([403, 429, 500, 503])(
  "rejects as unavailable when SQS answers %i, so that the outbox keeps the job",
  async (status) => {
    const { queue } = wire({ SendMessage: () => status });
    await expect(queue.send(job("t1"))).rejects.toThrow(JobQueueUnavailable);
  },
);

it("rejects as unavailable when nothing answers, or the answer names no message or another body", async () => {
  const cut = wire({}, { fetch: async () => Promise.reject(new TypeError("connection reset")) });
  await expect(cut.queue.send(job("t1"))).rejects.toThrow(JobQueueUnavailable);
  const { MD5OfMessageBody } = accepted.SendMessage();
  for (const answer of [{ MD5OfMessageBody }, { MessageId: "m1", MD5OfMessageBody: "0".repeat(32) }]) {
    const { queue } = wire({ SendMessage: () => answer });
    await expect(queue.send(job("t1"))).rejects.toThrow(JobQueueUnavailable);
  }
});

it("sends a dead letter before it deletes the job, and deletes nothing when that failed, so that no job is nowhere", async () => {
  const received = {
    ...{
      queue: AT,
      id: "m1",
      body: "x",
      receipt: `${"ab".repeat(16)}.handle`,
      deliveries: 3,
      sent_ms: 1,
      traceparent: TRACEPARENT,
    },
  };
  const { queue, sent } = wire(accepted);
  await queue.bury(received, "poison");
  expect(sent.slice(-2).map(({ action }) => action)).toEqual(["SendMessage", "DeleteMessage"]);
  expect(sent.at(-2)?.body).toMatchObject({
    MessageGroupId: "ab".repeat(16),
    MessageAttributes: { reason: { StringValue: "poison" }, dead_ms: { StringValue: "1800000000000" } },
  });
  expect(sent.at(-1)?.body).toMatchObject({ ReceiptHandle: "handle" });
  const failing = wire({ SendMessage: () => 500 });
  await expect(failing.queue.bury(received, "poison")).rejects.toThrow(JobQueueUnavailable);
  expect(failing.of("DeleteMessage")).toEqual([]);
});

it("shows letters that SQS moved by itself too, with the time that they have", () => {
  const message = { MessageId: "m1", Body: "x", Attributes: { SentTimestamp: "1700000000000" } };
  expect(deadJob(AT, message)).toEqual({
    id: "m1",
    queue: AT,
    body: "x",
    reason: "received too often",
    dead_ms: 1_700_000_000_000,
    sent_ms: 1_700_000_000_000,
    deliveries: LIMITS.queueReceivesMax,
  });
});
