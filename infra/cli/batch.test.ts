import { describe, expect, it } from "vitest";
import { endpointOf } from "./batch.ts";

describe("the endpoint of a file of requests", () => {
  const line = (body: object) =>
    JSON.stringify({ custom_id: "a", method: "POST", url: "/v1/embeddings", body: { url: "/v1/other", ...body } });

  it.each([
    ["its first line's", `${line({})}\n${line({}).replace("embeddings", "responses")}`, "/v1/embeddings"],
    [
      "that of a line that is longer than what is read",
      line({ input: "x".repeat(100) }).slice(0, -50),
      "/v1/embeddings",
    ],
    ["behind empty lines", `\n\n${line({})}`, "/v1/embeddings"],
    ["nobody's where the line is no request", '{"custom_id":"a"}', null],
    ["nobody's where the line is no JSON", "custom_id,url", null],
    ["never one that stands in a body", '{"body":{"url":"/v1/other","input":"xxxx', null],
  ])("is %s, so that nobody has to say it twice", (_, text, endpoint) => {
    expect(endpointOf(text)).toBe(endpoint);
  });
});
