import { expect, it } from "vitest";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { ProblemError, type ProblemShape, problemDocument, problemHeaders } from "../problem.ts";
import { inShape } from "./in-shape.ts";
import type { Reply } from "./operation.ts";

const problem = new ProblemError("upstream-failed", {
  detail: "The engine failed.",
  param: "model",
  members: { candidates: [{ candidate: "a:b" }] },
});
const told = (shape: ProblemShape): Reply & { kind: "bytes" } => ({
  kind: "bytes",
  status: 502,
  contentType: problemHeaders(problem, shape)["content-type"] ?? "",
  body: utf8(JSON.stringify(problemDocument(problem, "req_1", shape))),
});
const read = (reply: Reply): unknown => {
  if (reply.kind !== "bytes" || !(reply.body instanceof Uint8Array)) throw new Error("no bytes");
  return { contentType: reply.contentType, document: JSON.parse(new TextDecoder().decode(reply.body)) };
};

it.each(["openai", "anthropic", "oip"] as const)(
  "tells a kept problem in the form of %s as it would be told anew, so that a client reads a repeat as the first answer",
  (shape) => {
    expect(read(inShape(told("openai"), shape))).toEqual(read(told(shape)));
    expect(read(inShape(told(shape), shape))).toEqual(read(told(shape)));
  },
);

it("leaves answers, streams and what is no problem alone, so that kept bytes stay the bytes that were answered", () => {
  const answer: Reply = { ...told("openai"), status: 200, contentType: "application/json" };
  expect(inShape(answer, "oip")).toBe(answer);
  const stream: Reply = { ...told("openai"), body: new ReadableStream<Uint8Array>() };
  expect(inShape(stream, "oip")).toBe(stream);
  const value: Reply = { kind: "value", value: {} };
  expect(inShape(value, "oip")).toBe(value);
});
