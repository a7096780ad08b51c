import { describe, expect, it } from "vitest";
import type { LogEnd, LogHead } from "../../../shared/contracts/ports/task-log.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { LogEvent } from "../../detached/read-log.ts";
import { taskEvents } from "./task-events.ts";

const HEAD: LogHead = { status: 200, content_type: "text/event-stream", stream: true, headers: {} };
async function* log(frames: string[], end: LogEnd | null, head = HEAD): AsyncGenerator<LogEvent, void, undefined> {
  yield { kind: "head", head };
  for (const [at, frame] of frames.entries()) yield { kind: "frame", seq: at + 1, frame: utf8(frame) };
  if (end !== null) yield { kind: "end", end };
}
const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const chat = (delta: object, finish: string | null = null) =>
  data({ choices: [{ index: 0, delta, finish_reason: finish }] });
const ok = async () => ({ ok: true, envelope: { task_id: "task_1", status: "OK" } });
const failed = async () => ({ ok: false, envelope: { task_id: "task_1", status: "ERROR" } });

async function read(...args: Parameters<typeof taskEvents>): Promise<string> {
  let text = "";
  for await (const bytes of taskEvents(...args)) text += new TextDecoder().decode(bytes);
  return text;
}
const names = (text: string) =>
  [...text.matchAll(/^event: (\w+)\nid: (\d+)$/gm)].map(([, name, id]) => `${name} ${id}`);

describe("events of a task", () => {
  const frames = [
    chat({ role: "assistant", content: "" }),
    chat({ content: "one\n\ndata: two" }),
    chat({ tool_calls: [{ index: 0 }] }),
    chat({}, "stop"),
    "data: [DONE]\n\n",
  ];

  it("are text as tokens and anything else as it was made, so that no part of an answer is lost", async () => {
    const text = await read(log(frames, "complete"), "openai.chat", 0, ok);
    expect(names(text)).toEqual(["partial 1", "token 2", "partial 3", "partial 4", "done 6"]);
    expect(text).toContain('data: {"index":0,"text":"one\\n\\ndata: two"}\n\n');
  });

  it("go on behind any event with the same bytes, so that a reconnected reader repeats and misses nothing", async () => {
    const all = await read(log(frames, "complete"), "openai.chat", 0, ok);
    const pieces = all.split(/(?<=\n\n)(?=event:)/);
    for (const after of [0, 1, 2, 3, 4]) {
      const rest = await read(log(frames, "complete"), "openai.chat", after, ok);
      expect(rest).toBe(pieces.filter((piece) => Number(/^id: (\d+)$/m.exec(piece)?.[1]) > after).join(""));
    }
  });

  it("never end well where the task did not, so that a truncated answer is not taken for a whole one", async () => {
    const broken = [...frames.slice(0, 2), data({ error: { message: "x", code: "upstream_failed" } })];
    const text = await read(log(broken, "failed"), "openai.chat", 0, failed);
    expect(names(text)).toEqual(["partial 1", "token 2", "error 4"]);
    await expect(read(log(frames, null), "openai.chat", 0, ok)).rejects.toThrow("broke off");
  });

  it("hold an answer that is no stream whole, however many frames it takes", async () => {
    const whole = { ...HEAD, content_type: "application/json", stream: false };
    const text = await read(log(['{"data":', "[1]}"], "complete", whole), "openai.embeddings", 0, ok);
    expect(names(text)).toEqual(["partial 2", "done 3"]);
    expect(text).toContain('data: {"data":[1]}\n\n');
    const problem = await read(log(['{"error":{}}'], "complete", whole), "openai.embeddings", 0, failed);
    expect(names(problem)).toEqual(["error 2"]);
  });

  it.each([
    ["openai.completions", { choices: [{ index: 1, text: "a", finish_reason: null }] }, { index: 1, text: "a" }],
    ["openai.responses", { type: "response.output_text.delta", output_index: 2, delta: "a" }, { index: 2, text: "a" }],
    ["anthropic.messages", { type: "content_block_delta", index: 0, delta: { text: "a" } }, { index: 0, text: "a" }],
  ] as const)("know what text is on %s", async (surface, frame, token) => {
    const text = await read(log([data(frame)], "complete"), surface, 0, ok);
    expect(text).toBe(`event: token\nid: 1\n${data(token)}event: done\nid: 2\n${data((await ok()).envelope)}`);
  });
});
