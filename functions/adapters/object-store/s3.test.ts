import { afterEach, describe, expect, it, vi } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { ObjectStoreRefused, ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";
import { s3ObjectStore } from "./s3.ts";
import type { S3ObjectStoreOptions } from "./s3-bucket.ts";

type Answer = (url: URL, init: RequestInit) => Response | Promise<Response>;
interface Sent {
  method: string;
  url: URL;
  headers: Headers;
  body: string;
}

/** A store whose server is a function, and what it was sent. */
function storeWith(answer: Answer, options: Partial<S3ObjectStoreOptions> = {}) {
  const sent: Sent[] = [];
  const store = s3ObjectStore({
    bucket: "archive",
    region: "eu-central-1",
    jurisdiction: "eu",
    versions: "locked",
    credentials: async () => ({ access_key_id: "AKIAEXAMPLE", secret_access_key: "secret", session_token: "session" }),
    clock: { now: () => 1_795_000_000_000 as UnixMs }, // safe because: a test moment
    egress: {
      async operatorFetch(url, init) {
        const body = init.body ? await new Response(init.body).text() : "";
        sent.push({ method: init.method ?? "", url: new URL(url), headers: new Headers(init.headers), body });
        return answer(new URL(url), init);
      },
    },
    ...options,
  });
  return { store, sent };
}
const bytes = new TextEncoder().encode("bytes");
const problem = (status: number, code: string) =>
  new Response(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`, { status });
const stored = () => new Response(null, { headers: { etag: '"e"', "x-amz-version-id": "v1" } });

describe("what is sent", () => {
  it("names bucket and endpoint of the region, signs, asks for absence, lock, checksum and key", async () => {
    const { store, sent } = storeWith(stored, { kmsKey: "arn:aws:kms:eu-central-1:123456789012:key/k" });
    const lock = { mode: "compliance", until_ms: 1_795_000_000_001 } as const;
    expect(await store.put("a/b_c.d-e", bytes, { if_absent: true, lock, content_type: "text/plain" })).toEqual({
      ok: true,
      value: { version: "v1", etag: "e" },
    });
    const [put] = sent;
    expect(put?.url.href).toBe("https://archive.s3.eu-central-1.amazonaws.com/a/b_c.d-e?x-id=PutObject");
    expect(put?.headers.get("if-none-match")).toBe("*");
    expect(put?.headers.get("x-amz-object-lock-mode")).toBe("COMPLIANCE");
    // Whole seconds, and never earlier than asked.
    expect(put?.headers.get("x-amz-object-lock-retain-until-date")).toMatch(/:01(?:\.000)?Z$|:41(?:\.000)?Z$/);
    expect(put?.headers.get("x-amz-checksum-crc32")).toBeTruthy();
    expect(put?.headers.get("x-amz-server-side-encryption")).toBe("aws:kms");
    expect(put?.headers.get("x-amz-server-side-encryption-aws-kms-key-id")).toMatch(/^arn:aws:kms/);
    expect(put?.headers.get("x-amz-security-token")).toBe("session");
    expect(put?.headers.get("authorization")).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d{8}\/eu-central-1\/s3\//,
    );
    expect(put?.body).toBe("bytes");
  });

  it("tells nothing of the machine", async () => {
    const { store, sent } = storeWith(stored);
    await store.put("x", bytes);
    for (const name of ["user-agent", "x-amz-user-agent"])
      expect(sent[0]?.headers.get(name) ?? "").not.toMatch(/linux|node|os\//i);
  });

  describe("whatever the surroundings say", () => {
    afterEach(() => vi.unstubAllEnvs());
    it("goes where the configuration says, so that no stray variable moves a cell's bytes", async () => {
      const stray: Record<string, string> = {
        AWS_ENDPOINT_URL: "https://elsewhere.example.com",
        AWS_ENDPOINT_URL_S3: "https://elsewhere.example.com",
        AWS_REGION: "us-east-1",
        AWS_DEFAULT_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "AKIASTRAY",
        AWS_SECRET_ACCESS_KEY: "stray",
        AWS_SESSION_TOKEN: "stray",
        AWS_PROFILE: "stray",
        AWS_USE_DUALSTACK_ENDPOINT: "true",
        AWS_USE_FIPS_ENDPOINT: "true",
        AWS_S3_USE_ARN_REGION: "true",
        AWS_MAX_ATTEMPTS: "9",
        AWS_RETRY_MODE: "adaptive",
        AWS_AUTH_SCHEME_PREFERENCE: "sigv4a",
        AWS_DEFAULTS_MODE: "mobile",
        AWS_SDK_UA_APP_ID: "stray",
        AWS_REQUEST_CHECKSUM_CALCULATION: "WHEN_REQUIRED",
        AWS_DISABLE_CLOCK_SKEW_CORRECTION: "not a boolean",
      };
      for (const [name, value] of Object.entries(stray)) vi.stubEnv(name, value);
      const { store, sent } = storeWith(() => problem(503, "SlowDown"));
      await expect(store.put("x", bytes)).rejects.toThrow(ObjectStoreUnavailable);
      expect(sent).toHaveLength(3);
      for (const { url, headers } of sent) {
        expect(url.host).toBe("archive.s3.eu-central-1.amazonaws.com");
        expect(headers.get("authorization")).toContain("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/");
        expect(headers.get("x-amz-checksum-crc32")).toBeTruthy();
        expect(JSON.stringify([...headers])).not.toMatch(/stray/i);
      }
    });
  });
});

describe("a server that fails", () => {
  it.each([
    ["cannot be reached", () => Promise.reject(new TypeError("fetch failed"))],
    ["answers 500", () => problem(500, "InternalError")],
    ["answers 503", () => problem(503, "SlowDown")],
    ["is far behind in time", () => problem(403, "RequestTimeTooSkewed")],
    ["answers what is no XML", () => new Response("<html>", { status: 502 })],
  ])("is unavailable when it %s", async (_what, answer) => {
    const { store } = storeWith(answer);
    await expect(store.put("x", bytes)).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.get("x")).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.list("", { limit: 1 })).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.delete("x")).rejects.toThrow(ObjectStoreUnavailable);
  });

  it.each([
    ["permits nothing", 403, "AccessDenied"],
    ["has no such bucket", 404, "NoSuchBucket"],
    ["has the bucket elsewhere", 301, "PermanentRedirect"],
    ["does not know the caller", 403, "InvalidAccessKeyId"],
  ])("refuses for good when it %s, so that nothing is tried for ever", async (_what, status, code) => {
    const { store } = storeWith(() => problem(status, code));
    await expect(store.put("x", bytes)).rejects.toThrow(ObjectStoreRefused);
    await expect(store.get("x")).rejects.toThrow(ObjectStoreRefused);
    await expect(store.list("", { limit: 1 })).rejects.toThrow(ObjectStoreRefused);
  });

  it("is not waited for longer than the call may take, and its request is cut", async () => {
    let cut = 0;
    const { store } = storeWith(
      (_url, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            cut += 1;
            reject(signal.reason);
          });
        }),
      { timeoutMs: 60_000 },
    );
    await expect(store.get("x", { timeout_ms: 30 })).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.put("x", bytes, { timeout_ms: 30 })).rejects.toThrow(ObjectStoreUnavailable);
    expect(cut).toBe(2);
  });

  it("never sees a conditional write twice, so that nobody is refused by their own first try", async () => {
    const { store, sent } = storeWith(() => Promise.reject(new TypeError("the answer was lost")));
    await expect(store.put("x", bytes, { if_absent: true })).rejects.toThrow(ObjectStoreUnavailable);
    expect(sent).toHaveLength(1);
  });

  it("may ask to try again while writes meet", async () => {
    let tries = 0;
    const { store } = storeWith(() =>
      ++tries < 3 ? problem(409, "ConditionalRequestConflict") : problem(412, "PreconditionFailed"),
    );
    expect(await store.put("x", bytes, { if_absent: true })).toEqual({ ok: false, error: { reason: "exists" } });
    expect(tries).toBe(3);
  });

  it("that cuts a body never looks like the end of the object", async () => {
    const { store } = storeWith(() => new Response("half", { headers: { "content-length": "8", etag: '"e"' } }));
    await expect(store.get("x")).rejects.toThrow(ObjectStoreUnavailable);
    const streamed = await store.getStream("x");
    await expect(streamed.ok && new Response(streamed.value.body).text()).rejects.toThrow();
  });

  it("that stalls within a body ends the stream with an error", async () => {
    const silent = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(bytes) });
    const { store } = storeWith(() => new Response(silent, { headers: { "content-length": "50", etag: '"e"' } }));
    const streamed = await store.getStream("x", { timeout_ms: 30 });
    await expect(streamed.ok && new Response(streamed.value.body).text()).rejects.toThrow();
  });

  it("in the middle of a stream has its parts removed; if that fails, both failures are told", async () => {
    const large = async function* () {
      for (let piece = 0; piece < 3; piece++) yield new Uint8Array(8 * 1024 * 1024);
    };
    for (const abort of [() => new Response(null, { status: 204 }), () => problem(503, "SlowDown")]) {
      const { store, sent } = storeWith((url, { method }) => {
        if (url.searchParams.has("uploads"))
          return new Response("<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>");
        if (method === "DELETE") return abort();
        return url.searchParams.get("partNumber") === "1" ? stored() : problem(500, "InternalError");
      });
      const failure = await store.putStream("x", large()).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ObjectStoreUnavailable);
      const removed = sent.filter(({ method }) => method === "DELETE");
      expect(removed.every(({ url }) => url.searchParams.get("uploadId") === "u1")).toBe(true);
      expect(removed.length).toBeGreaterThan(0);
      const { cause } = failure as ObjectStoreUnavailable; // safe because: looked at above
      expect(cause instanceof AggregateError && cause.errors.length).toBe(removed.length > 1 ? 2 : false);
    }
  });

  it("that failed although it said 200 has stored nothing", async () => {
    const two = async function* () {
      for (let piece = 0; piece < 2; piece++) yield new Uint8Array(8 * 1024 * 1024);
    };
    const { store } = storeWith((url, { method }) => {
      if (url.searchParams.has("uploads"))
        return new Response("<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>");
      if (method === "DELETE") return new Response(null, { status: 204 });
      if (method === "PUT") return stored();
      return new Response("<?xml version='1.0'?>\n<Error><Code>InternalError</Code><Message>m</Message></Error>");
    });
    await expect(store.putStream("x", two())).rejects.toThrow(ObjectStoreUnavailable);
  });
});
