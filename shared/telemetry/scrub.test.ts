import { describe, expect, it } from "vitest";
import { refusedName, scrubText } from "./scrub.ts";

describe("scrubText", () => {
  it.each([
    ["our keys", "used bw_local_default_4kQ0Zt7bXw2N_Qm9Zc3VwZXJzZWNyZXQ1 today", "used [redacted] today"],
    ["provider keys", "key sk-proj-abcDEF123456 refused", "key [redacted] refused"],
    ["bearer tokens", "authorization: Bearer abc.def-ghi= next", "authorization: [redacted] next"],
    ["basic credentials", "Basic dXNlcjpwYXNz", "[redacted]"],
    ["JWTs", "got eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln here", "got [redacted] here"],
    ["user info in URLs", "postgres://app:hunter22@db.example.com/x", "postgres://[redacted]@db.example.com/x"],
    [
      "keys in query strings",
      "https://example.com/v1?api_key=abcdef&x=1",
      "https://example.com/v1?api_key=[redacted]&x=1",
    ],
    ["private keys", "-----BEGIN EC PRIVATE KEY-----\nMIG\n", "[redacted]"],
    ["two in one text", "bw_a_b_c and sk-123456789", "[redacted] and [redacted]"],
  ])("takes %s out of text, so that a message which quotes one is harmless", (_title, text, safe) => {
    expect(scrubText(text)).toBe(safe);
  });

  it("leaves what identifies a call, so that logs stay useful", () => {
    const text =
      "task_01JD0000000000000000000000 key:4kQ0Zt7bXw2N disk-usage https://eu1.example.com:8443/v1/models?limit=2";
    expect(scrubText(text)).toBe(text);
  });
});

it.each([
  ["api_key", true],
  ["apiKey", true],
  ["authorization", true],
  ["http.request.header.authorization", true],
  ["client_secret_id", true],
  ["set-cookie", true],
  ["access_token", true],
  ["prompt", true],
  ["gen_ai.input.messages", true],
  ["gen_ai.output.messages", true],
  ["messageText", true],
  ["response_body", true],
  ["gen_ai.usage.input_tokens", false],
  ["gen_ai.token.type", false],
  ["content_type", false],
  ["http.request.body.size", false],
  ["credential_id", false],
  ["http.route", false],
])("refuses the name %s: %s, so that secrets and content have no member to travel in", (name, refused) => {
  expect(refusedName(name)).toBe(refused);
});
