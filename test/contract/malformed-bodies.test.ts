import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";
import { whole } from "../support/engine-scripts.ts";

let cell: DetachedCell;
beforeEach(async () => {
  cell = await detachedCell(async (body) => whole(body));
});
afterEach(() => cell.close());

const CHAT = "/v1/chat/completions";
const RESPONSES = "/v1/responses";
const MESSAGES = "/v1/messages";
const user = { role: "user", content: "hi" };
/** What no dialect permits, and the member that is named. */
const NO_MESSAGES: [JsonObject, string][] = [
  [{}, "messages"],
  [{ messages: null }, "messages"],
  [{ messages: "hi" }, "messages"],
  [{ messages: user }, "messages"],
  [{ messages: [] }, "messages"],
  [{ messages: ["hi"] }, "messages[0]"],
  [{ messages: [user, null] }, "messages[1]"],
  [{ messages: [user, ["user", "hi"]] }, "messages[1]"],
  [{ messages: [{ content: "hi" }] }, "messages[0].role"],
  [{ messages: [{ role: 1, content: "hi" }] }, "messages[0].role"],
  [{ messages: [{ role: "", content: "hi" }] }, "messages[0].role"],
  [{ messages: [{ role: "user", content: 5 }] }, "messages[0].content"],
  [{ messages: [{ role: "user", content: ["hi"] }] }, "messages[0].content[0]"],
  [{ messages: [{ role: "user", content: [{ text: "hi" }] }] }, "messages[0].content[0].type"],
];
const MALFORMED: [path: string, over: JsonObject, param: string][] = [
  ...NO_MESSAGES.map(([over, param]): [string, JsonObject, string] => [CHAT, over, param]),
  ...NO_MESSAGES.map(([over, param]): [string, JsonObject, string] => [MESSAGES, { max_tokens: 5, ...over }, param]),
  [RESPONSES, {}, "input"],
  [RESPONSES, { input: 5 }, "input"],
  [RESPONSES, { input: user }, "input"],
  [RESPONSES, { input: ["hi"] }, "input[0]"],
  [RESPONSES, { input: [user, {}] }, "input[1].role"],
  [RESPONSES, { input: [{ content: "hi" }] }, "input[0].role"],
  [RESPONSES, { input: [{ type: "message", content: "hi" }] }, "input[0].role"],
  [RESPONSES, { input: [{ role: 3, content: "hi" }] }, "input[0].role"],
  ...["completions", "embeddings"].flatMap((name): [string, JsonObject, string][] => {
    const member = name === "completions" ? "prompt" : "input";
    const wrong = [undefined, null, 5, {}, [], "", [""], ["a", 1], [{}]];
    return wrong.map((value) => [`/v1/${name}`, value === undefined ? {} : { [member]: value }, member]);
  }),
];

/** As the surface's errors name it: Anthropic's have no `param`, and list what is wrong beside. */
async function told(response: Response): Promise<[number, string | undefined]> {
  const { error, errors } = (await response.json()) as {
    error?: { param?: string };
    errors?: { param: string }[];
  }; // safe because: an error document's own members
  return [response.status, error?.param ?? errors?.[0]?.param];
}

describe("a body that no dialect permits", () => {
  it("is a 400 that names the member, on every surface, and reaches no engine", { timeout: 60_000 }, async () => {
    for (const [path, over, param] of MALFORMED) {
      const response = await cell.ask(path, { model: "direct", ...over });
      expect([path, over, ...(await told(response))]).toEqual([path, over, 400, param]);
    }
    expect([cell.upstreamCalls, cell.settled]).toEqual([[], []]);
  });
});

describe("a body that is newer than this cell", () => {
  it.each<[string, JsonObject]>([
    ["members of a request", { messages: [user], reasoning_effort: "extreme", new_member: { a: [1] } }],
    ["members of a message", { messages: [{ ...user, name: "jo", new_member: 1 }] }],
    ["roles", { messages: [{ role: "narrator", content: "once" }, user] }],
    ["parts of content", { messages: [{ role: "user", content: [{ type: "smell", smell: "rose" }] }] }],
    ["messages without content", { messages: [user, { role: "assistant", tool_calls: [] }, { role: "user" }] }],
  ])("passes to an engine that may know more: %s", async (_what, over) => {
    const response = await cell.ask(CHAT, { model: "direct", ...over });
    expect(response.status).toBe(200);
    expect(cell.upstreamCalls).toEqual([expect.objectContaining(over)]);
  });
});
