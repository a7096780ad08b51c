import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import type { Egress } from "../../../shared/contracts/ports/egress.ts";
import { provideXmlParser } from "./s3-xml.ts";

/** Credentials of the bucket's account; `expires_ms` makes the SDK ask again shortly before. */
export interface S3Credentials {
  access_key_id: string;
  secret_access_key: string;
  session_token?: string;
  expires_ms?: number;
}

export interface S3Connection {
  region: string;
  /** `https://s3.<region>.amazonaws.com` unless said otherwise. */
  endpoint?: string;
  /** Bucket in the path instead of the host name, as most other servers want it. */
  pathStyle?: boolean;
  credentials: () => Promise<S3Credentials>;
  egress: Pick<Egress, "operatorFetch">;
}

interface SdkRequest {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
  body?: unknown;
}

/** RFC 3986, as signatures want it. */
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): string {
  const pairs = Object.entries(query).flatMap(([name, given]) =>
    [given].flat().map((value) => (value === null ? encoded(name) : `${encoded(name)}=${encoded(value)}`)),
  );
  const authority = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${authority}${path}${pairs.length > 0 ? `?${pairs.join("&")}` : ""}`;
}

/** `fetch` sets these itself, from the same values. */
const OF_FETCH = new Set(["host", "content-length", "expect"]);

/** The SDK's requests as operator calls of the cell, so that S3 has no way out of its own. */
export function egressHandler(egress: Pick<Egress, "operatorFetch">) {
  return {
    async handle(request: SdkRequest, options: { abortSignal?: unknown } = {}) {
      const headers = Object.entries(request.headers).filter(([name]) => !OF_FETCH.has(name.toLowerCase()));
      const bodiless = request.method === "GET" || request.method === "HEAD" || request.body === undefined;
      const response = await egress.operatorFetch(urlOf(request), {
        method: request.method,
        headers,
        // safe because: commands of the adapter carry bytes or text, and the SDK's own documents are text
        ...(bodiless ? {} : { body: request.body as BodyInit }),
        ...(options.abortSignal instanceof AbortSignal ? { signal: options.abortSignal } : {}),
      });
      return {
        response: {
          statusCode: response.status,
          reason: response.statusText,
          headers: Object.fromEntries(response.headers),
          body: response.body ?? new Uint8Array(0),
        },
      };
    },
    destroy: () => undefined,
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  };
}

/**
 * An S3 client that takes nothing from its surroundings: what the SDK would look up in variables or files is given, so
 * it runs without the right to read them and no stray variable moves a cell's bytes.
 */
export function s3Client(connection: S3Connection, attempts: number): S3Client {
  const config: S3ClientConfig & Record<string, unknown> = {
    region: connection.region,
    endpoint: connection.endpoint ?? `https://s3.${connection.region}.amazonaws.com`,
    forcePathStyle: connection.pathStyle ?? false,
    credentials: async () => {
      const given = await connection.credentials();
      return {
        accessKeyId: given.access_key_id,
        secretAccessKey: given.secret_access_key,
        ...(given.session_token !== undefined && { sessionToken: given.session_token }),
        ...(given.expires_ms !== undefined && { expiration: new Date(given.expires_ms) }),
      };
    },
    requestHandler: egressHandler(connection.egress),
    maxAttempts: attempts,
    retryMode: "standard",
    defaultsMode: "standard",
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    useArnRegion: false,
    disableMultiregionAccessPoints: true,
    disableS3ExpressSessionAuth: true,
    disableClockSkewCorrection: false,
    followRegionRedirects: false,
    expectContinueHeader: false,
    requestChecksumCalculation: "WHEN_SUPPORTED",
    responseChecksumValidation: "WHEN_SUPPORTED",
    authSchemePreference: [],
    sigv4aSigningRegionSet: [],
    userAgentAppId: "",
    // The SDK's own names the operating system, which Deno tells nobody without being allowed to.
    defaultUserAgentProvider: async () => [["bailiwick"]],
  };
  const client = new S3Client(config);
  if (client.config.runtime === "browser") provideXmlParser();
  return client;
}
