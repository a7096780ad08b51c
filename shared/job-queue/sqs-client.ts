import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { LIMITS } from "../contracts/limits.ts";
import { JobQueueUnavailable } from "../contracts/ports/job-queue.ts";

/** Credentials of the queues' account; `expires_ms` makes the SDK ask again shortly before. */
export interface SqsCredentials {
  access_key_id: string;
  secret_access_key: string;
  session_token?: string;
  expires_ms?: number;
}

export interface SqsConnection {
  region: string;
  /** `https://sqs.<region>.amazonaws.com` unless said otherwise. */
  endpoint?: string;
  credentials: () => Promise<SqsCredentials>;
  /** The only way out: the cell's operator egress, or a worker's own `fetch`. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
}

interface SdkRequest {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  headers: Record<string, string>;
  body?: unknown;
}

/** `fetch` sets these itself, from the same values. */
const OF_FETCH = new Set(["host", "content-length"]);
const ATTEMPTS = 3;

function handler({ fetch }: SqsConnection) {
  return {
    async handle(request: SdkRequest, options: { abortSignal?: unknown } = {}) {
      const { protocol, hostname, port, path } = request;
      const response = await fetch(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}`, {
        method: request.method,
        headers: Object.entries(request.headers).filter(([name]) => !OF_FETCH.has(name.toLowerCase())),
        redirect: "manual",
        ...(typeof request.body === "string" || request.body instanceof Uint8Array
          ? { body: Uint8Array.from(toBytes(request.body)) }
          : {}),
        ...(options.abortSignal instanceof AbortSignal ? { signal: options.abortSignal } : {}),
      });
      return {
        response: {
          statusCode: response.status,
          reason: response.statusText,
          headers: Object.fromEntries(response.headers),
          // Ten messages of 64 KiB at most: read whole, so that a cut answer fails here.
          body: new Uint8Array(await response.arrayBuffer()),
        },
      };
    },
    destroy: () => undefined,
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  };
}

const toBytes = (body: string | Uint8Array) => (typeof body === "string" ? new TextEncoder().encode(body) : body);

/**
 * An SQS client that takes nothing from its surroundings: what the SDK would look up in variables or files is given, so
 * it runs without the right to read them and no stray variable moves a cell's jobs.
 */
export function sqsClient(connection: SqsConnection): SQSClient {
  const config: SQSClientConfig & Record<string, unknown> = {
    region: connection.region,
    endpoint: connection.endpoint ?? `https://sqs.${connection.region}.amazonaws.com`,
    // A queue's URL names a host; what is called is the endpoint, whatever a server answers.
    useQueueUrlAsEndpoint: false,
    credentials: async () => {
      const given = await connection.credentials();
      return {
        accessKeyId: given.access_key_id,
        secretAccessKey: given.secret_access_key,
        ...(given.session_token !== undefined && { sessionToken: given.session_token }),
        ...(given.expires_ms !== undefined && { expiration: new Date(given.expires_ms) }),
      };
    },
    requestHandler: handler(connection),
    maxAttempts: ATTEMPTS,
    retryMode: "standard",
    defaultsMode: "standard",
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    disableClockSkewCorrection: false,
    authSchemePreference: [],
    userAgentAppId: "",
    // The SDK's own one would name the machine's operating system, which Deno wants a permission for.
    defaultUserAgentProvider: async () => [["bailiwick", "1"]],
  };
  return new SQSClient(config);
}

/** The name of an error that SQS answered; null for what never became an answer. */
export const sqsErrorName = (cause: unknown): string | null =>
  cause instanceof Error && "$metadata" in cause ? cause.name : null;

/** SQS says it in one way per protocol and server. */
export const isMissingQueue = (cause: unknown): boolean =>
  /QueueDoesNotExist|NonExistentQueue/.test(sqsErrorName(cause) ?? "");

/** This delivery is over, or the receipt is none. */
export const isStaleReceipt = (cause: unknown): boolean =>
  /ReceiptHandleIsInvalid|MessageNotInflight|InvalidParameterValue/.test(sqsErrorName(cause) ?? "");

/**
 * What SQS answers within `queueCallMs` and `waitMs`; all else is `JobQueueUnavailable`. `expected` may name errors that
 * are answers: they are handed on as they are.
 */
export async function called<T>(
  what: string,
  call: (options: { abortSignal: AbortSignal }) => Promise<T>,
  {
    waitMs = 0,
    signal,
    expected,
  }: { waitMs?: number; signal?: AbortSignal; expected?: (cause: unknown) => boolean } = {},
): Promise<T> {
  const timeout = AbortSignal.timeout(waitMs + LIMITS.queueCallMs);
  try {
    return await call({ abortSignal: signal ? AbortSignal.any([signal, timeout]) : timeout });
  } catch (cause) {
    if (expected?.(cause) || cause instanceof JobQueueUnavailable) throw cause;
    throw new JobQueueUnavailable(`${what}: ${sqsErrorName(cause) ?? "no valid answer"}`, { cause });
  }
}
