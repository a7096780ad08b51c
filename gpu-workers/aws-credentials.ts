import { readFile } from "node:fs/promises";
import { z } from "zod";
import { LIMITS } from "../shared/contracts/limits.ts";
import type { SqsCredentials } from "../shared/job-queue/sqs-client.ts";
import type { AwsSettings } from "./settings.ts";

/** What the container endpoint of ECS and of EKS Pod Identity answers. */
const Answer = z.object({
  AccessKeyId: z.string().min(1).max(128),
  SecretAccessKey: z.string().min(1).max(256),
  Token: z.string().min(1).max(8_192).optional(),
  Expiration: z.iso.datetime().optional(),
});

/** Credentials of the queue's account: those given, or those of the task's or pod's own role, asked anew as they end. */
export function awsCredentials(
  settings: AwsSettings,
  fetch: (url: string, init: RequestInit) => Promise<Response>,
): () => Promise<SqsCredentials> {
  if (settings.kind === "static") {
    const { id, secret, session } = settings;
    const fixed: SqsCredentials = {
      ...{ access_key_id: id, secret_access_key: secret.reveal() },
      ...(session === null ? {} : { session_token: session.reveal() }),
    };
    return async () => fixed;
  }
  const { url, tokenFile } = settings;
  return async () => {
    const authorization = tokenFile === null ? null : (await readFile(tokenFile, "utf8")).trim();
    const response = await fetch(url.href, {
      headers: authorization === null ? {} : { authorization },
      redirect: "error",
      signal: AbortSignal.timeout(LIMITS.queueCallMs),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`no credentials: ${response.status}`);
    const answer = Answer.parse(JSON.parse(text));
    return {
      ...{ access_key_id: answer.AccessKeyId, secret_access_key: answer.SecretAccessKey },
      ...(answer.Token === undefined ? {} : { session_token: answer.Token }),
      ...(answer.Expiration === undefined ? {} : { expires_ms: Date.parse(answer.Expiration) }),
    };
  };
}
