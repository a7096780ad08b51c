import type { SecretRef } from "../../../shared/contracts/config/snapshot.ts";
import type { TaskId, TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Egress } from "../../../shared/contracts/ports/egress.ts";
import { decodeBase64 } from "../../../shared/crypto/base64.ts";
import { hmacSha256 } from "../../../shared/crypto/hmac-sha256.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Deps } from "../../context.ts";
import { approvalNow } from "./approval-now.ts";
import { approvalView } from "./view.ts";

/** What telling somebody takes besides the ports of every operation. */
export interface WebhookParts {
  egress: Pick<Egress, "tenantPost">;
  readSecret(ref: SecretRef): string | null;
}

/** An answer of a webhook is not read beyond its status. */
const ANSWER_BYTES_MAX = 64 * 1024;

/**
 * Tells a tenant's endpoint that a request waits: a CloudEvents 1.0 envelope without content, signed as Standard Webhooks
 * has it (`v1`, HMAC-SHA-256 over `id.timestamp.body`). Delivered at least once under one id. Rejects when it was not
 * taken; nobody is told of what does not wait any more.
 */
export async function sendWebhook(deps: Deps, parts: WebhookParts, tenant: TenantId, task: TaskId): Promise<void> {
  const webhook = deps.config.current().tenants[tenant]?.approvals?.webhook;
  if (!webhook) return;
  const waiting = await approvalNow(deps, tenant, task);
  if (waiting === "changing") throw new Error(`what waits for ${tenant} could not be read`);
  if (waiting === "gone" || waiting.record.state !== "pending") return;
  const approval = waiting.record;
  const id = `msg_${approval.id}`;
  const body = utf8(
    JSON.stringify({
      specversion: "1.0",
      id,
      type: "bailiwick.approval.requested.v1",
      source: `/cells/${deps.cell.id}/tenants/${tenant}`,
      subject: approval.id,
      time: new Date(approval.created_ms).toISOString(),
      datacontenttype: "application/json",
      data: { ...approvalView(approval), url: `${deps.cell.endpoint}/v1/approvals/${approval.id}` },
    }),
  );
  const count = (outcome: string) => deps.telemetry.metrics.count("bailiwick_webhooks_total", { outcome });
  const secret = parts.readSecret(webhook.secret);
  if (secret === null) {
    count("no_secret");
    throw new Error(`the webhook secret of ${tenant} is missing`);
  }
  const timestamp = String(Math.floor(deps.clock.now() / 1000));
  const headers = {
    "content-type": "application/cloudevents+json",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${signature(secret, id, timestamp, body)}`,
  };
  const bounds = { bytes_max: ANSWER_BYTES_MAX, timeout_ms: LIMITS.approvalNotifyCallMsMax };
  let status: number;
  try {
    ({ status } = await parts.egress.tenantPost(webhook.url, { body, headers }, bounds));
  } catch (cause) {
    count("unreachable");
    throw new Error(`the webhook of ${tenant} was not reached`, { cause });
  }
  count(status >= 200 && status < 300 ? "delivered" : "refused");
  if (status < 200 || status >= 300) throw new Error(`the webhook of ${tenant} answered ${status}`);
}

/**
 * Standard Webhooks: base64 of HMAC-SHA-256 over `<id>.<timestamp>.<body>`. A secret `whsec_<base64>` stands for the bytes
 * that it encodes, as its libraries read it; any other is the key as it is written.
 */
export function signature(secret: string, id: string, timestamp: string, body: Uint8Array): string {
  const head = utf8(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + body.length);
  signed.set(head);
  signed.set(body, head.length);
  return btoa(String.fromCharCode(...hmacSha256(keyOf(secret), signed)));
}

const ENCODED = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

function keyOf(secret: string): Uint8Array {
  const encoded = ENCODED.exec(secret)?.[1];
  return encoded ? decodeBase64(encoded) : utf8(secret);
}
