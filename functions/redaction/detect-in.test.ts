import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { detectIn } from "./redact-body.ts";
import { UNSCANNED } from "./select-detectors.ts";

const chat = (content: unknown) => ({ model: "m", messages: [{ role: "user", content }] }) as never; // safe because: the test writes JSON

describe("detectIn", () => {
  it("names what it finds and nothing of what was found, so that policy decides without reading content", () => {
    expect(detectIn("openai.chat", chat("alice@example.com pays with 4111 1111 1111 1111"))).toEqual(["card", "email"]);
    expect(detectIn("openai.chat", chat("What is a jurisdiction?"))).toEqual([]);
  });

  it("says where nobody could look, so that no encoding is taken for clean", () => {
    const parts = [
      { type: "text", text: "alice@example.com" },
      { type: "image_url", image_url: { url: "x" } },
    ];
    expect(detectIn("openai.chat", chat(parts))).toEqual(["email", UNSCANNED]);
    expect(detectIn("openai.embeddings", { model: "m", input: [[1, 2, 3]] })).toEqual([UNSCANNED]);
    expect(detectIn("openai.chat", chat(`a ${"x".repeat(LIMITS.redactionCharsMax)}`))).toEqual([UNSCANNED]);
  });
});
