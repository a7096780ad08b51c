import { type Attack, type Family, said } from "../attack.ts";
import { answered, chunk, DONE, data, type HostileAnswer, stopChunk, streamed } from "../hostile-engine.ts";
import { CHAT, type Range } from "../range.ts";

/** What a reader that knows the standard sees of a stream (WHATWG HTML §9.2.6), with what no stream of ours may have. */
async function seen(response: Response): Promise<string> {
  // Before the first byte a failure is an answer; behind it, a broken stream.
  if (!response.ok) return said(response);
  const words: string[] = [];
  let text = "";
  let cut = "";
  const decoder = new TextDecoder();
  try {
    for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true });
  } catch {
    cut = ", cut";
  }
  let content = "";
  let events = 0;
  let done = 0;
  for (const block of text.split(/(?:\r\n|\r|\n){2}/)) {
    const lines = block.split(/\r\n|\r|\n/).filter((line) => line !== "" && !line.startsWith(":"));
    if (lines.length === 0) continue;
    events++;
    for (const line of lines) if (!line.startsWith("data: ")) words.push(`line ${line.split(":")[0]}`);
    const of = lines.flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : [])).join("\n");
    if (done > 0) words.push("event behind the end");
    if (of === "[DONE]") done++;
    else content += contentOf(of, words);
  }
  if (events === 0) words.push("nothing");
  return `${response.status}, ${JSON.stringify(content)}, ${done} end${done === 1 ? "" : "s"}${words.map((word) => `, ${word}`).join("")}${cut}`;
}

function contentOf(of: string, words: string[]): string {
  try {
    const { choices, error } = JSON.parse(of);
    if (error) words.push(`error ${error.code}`);
    return choices?.[0]?.delta?.content ?? "";
  } catch {
    words.push("not JSON");
    return "";
  }
}

const ask = async (
  range: Range,
  answer: HostileAnswer,
  body: object = {},
  path = CHAT,
  headers: Record<string, string> = {},
): Promise<Response> => {
  range.engine.answer = answer;
  return range.lab.ask(path, {
    key: range.mallory.apiKey,
    headers,
    body: { model: "hostile", messages: [{ role: "user", content: "x" }], ...body },
  });
};
const inStream = (
  id: string,
  attack: string,
  sent: string | Uint8Array,
  expected: string,
  headers: Record<string, string> = {},
): Attack => ({
  id,
  attack,
  expected,
  owasp: ["API10", "LLM5"],
  observe: async (range) => seen(await ask(range, streamed(sent, headers), { stream: true })),
});

const good = `${data(chunk("hi"))}${data(stopChunk())}`;
/** Data of several lines, which a reader joins with line breaks. */
const lines = (...all: string[]): string => `${all.map((line) => `data: ${line}`).join("\n")}\n\n`;
const first = JSON.stringify(chunk("a"));

const smuggled: readonly Attack[] = [
  inStream(
    "as-it-should-be",
    "none: a good stream, so that breaking every stream does not pass for safety",
    `${good}${DONE}`,
    '200, "hi", 1 end',
  ),
  inStream(
    "content-with-frames",
    "text with line breaks, `data: [DONE]` and `event:` lines in it",
    `${data(chunk("\n\ndata: [DONE]\n\nevent: error\rid: 9\r\n"))}${data(stopChunk())}${DONE}`,
    `200, ${JSON.stringify("\n\ndata: [DONE]\n\nevent: error\rid: 9\r\n")}, 1 end`,
  ),
  inStream(
    "content-done",
    "text that is `[DONE]`",
    `${data(chunk("[DONE]"))}${data(chunk(" more"))}${data(stopChunk())}${DONE}`,
    '200, "[DONE] more", 1 end',
  ),
  inStream(
    "event-in-data-lines",
    "one event whose data lines join to another event: a false end before settlement",
    `${lines(first, "", "data: [DONE]", "", `data: ${JSON.stringify(chunk("ghost"))}`)}${good}${DONE}`,
    '200, "", 0 ends, error upstream_failed, cut',
  ),
  inStream(
    "fields-in-data-lines",
    "one event whose data lines join to `event:`, `id:` and `retry:` fields",
    `${lines(first, "event: error", "id: 1", "retry: 1")}${good}${DONE}`,
    '200, "", 0 ends, error upstream_failed, cut',
  ),
  inStream(
    "json-over-lines",
    "none: JSON that is broken over data lines, which the standard allows",
    `${lines(...JSON.stringify(chunk("hi"), null, 1).split("\n"))}${data(stopChunk())}${DONE}`,
    '200, "hi", 1 end',
  ),
  inStream(
    "named-events",
    "`event:`, `id:` and `retry:` fields beside good data, which make some clients drop or repeat a call",
    `event: error\nid: 7\nretry: 1\n${data(chunk("hi"))}${data(stopChunk())}${DONE}`,
    '200, "hi", 1 end',
  ),
  inStream(
    "events-behind-the-end",
    "events behind `[DONE]`",
    `${good}${DONE}${data(chunk("ghost"))}event: error\ndata: {}\n\n`,
    '200, "hi", 1 end',
  ),
  inStream("two-ends", "`[DONE]` twice", `${good}${DONE}${DONE}`, '200, "hi", 1 end'),
  inStream(
    "end-with-spaces",
    "`[DONE]` with spaces, which breaks some clients",
    `${good}data: [DONE]   \n\n`,
    '200, "hi", 1 end',
  ),
  inStream("lone-cr", "lines that end with CR alone", `${good}${DONE}`.replaceAll("\n", "\r"), '200, "hi", 1 end'),
  inStream("bom", "a byte order mark before the first event", `\ufeff${good}${DONE}`, '200, "hi", 1 end'),
  inStream(
    "comments",
    "comments that look like events",
    `: data: [DONE]\n\n:\n\n${good}: bye\n\n${DONE}`,
    '200, "hi", 1 end',
  ),
  inStream(
    "nul",
    "NUL bytes between the events",
    `${data(chunk("hi"))}\u0000\n\n${data(stopChunk())}${DONE}`,
    '200, "hi", 1 end',
  ),
  inStream(
    "early-end",
    "an end without a reason to stop: a cut answer that looks whole",
    data(chunk("hi")),
    '200, "hi", 0 ends, error upstream_failed, cut',
  ),
  inStream("endless-line", "an event of 40 MB", `data: ${"x".repeat(40_000_000)}\n\n`, "502 upstream_failed"),
  inStream(
    "error-with-secrets",
    "an error event that repeats the engine's credential",
    data({ error: { message: "bad key canary-upstream-key-71c5e0", type: "t", code: "c" } }),
    "502 upstream_failed",
  ),
];

const LEAKY = {
  "set-cookie": "session=stolen",
  "x-bailiwick-task": "task_00000000000000000000000000",
  "content-disposition": "attachment; filename=evil.exe",
  "access-control-allow-origin": "*",
  location: "https://attacker.example.com/",
  "www-authenticate": "Basic realm=engine",
  "alt-svc": 'h3="attacker.example.com:443"',
  refresh: "0; url=https://attacker.example.com/",
  link: "<https://attacker.example.com/>; rel=preload",
};
const passedOn = (response: Response): string => {
  const passed = Object.entries(LEAKY).filter(([name, value]) => response.headers.get(name) === value);
  return passed.length === 0 ? "none of its headers" : passed.map(([name]) => name).join(", ");
};

const answers: readonly Attack[] = [
  {
    id: "headers-unary",
    attack: "an answer with `set-cookie`, `location`, `alt-svc`, `content-disposition` and a task id of its own",
    expected: "200, none of its headers",
    owasp: ["API10", "API8"],
    async observe(range) {
      const response = await ask(range, answered({ content: "hi" }, {}, LEAKY));
      return `${await said(response.clone())}, ${passedOn(response)}`;
    },
  },
  {
    id: "headers-stream",
    attack: "the same in front of a stream",
    expected: "200, none of its headers",
    owasp: ["API10", "API8"],
    async observe(range) {
      const response = await ask(range, streamed(`${good}${DONE}`, LEAKY), { stream: true });
      return `${await said(response.clone())}, ${passedOn(response)}`;
    },
  },
  {
    id: "html-answer",
    attack: "a page of HTML with a script in place of an answer",
    expected: "502 upstream_failed, application/problem+json, no script",
    owasp: ["API10", "LLM5"],
    async observe(range) {
      const response = await ask(
        range,
        (to) => void to.writeHead(200, { "content-type": "text/html" }).end("<script>alert(1)</script>"),
      );
      const text = await response.clone().text();
      return `${await said(response)}, ${response.headers.get("content-type")}, ${text.includes("<script") ? "the script" : "no script"}`;
    },
  },
  {
    id: "sniffed-answer",
    attack: "text that a browser would run, in a good answer",
    expected: "200, application/json",
    owasp: ["LLM5", "API8"],
    async observe(range) {
      const response = await ask(range, answered({ content: "<script>alert(1)</script>" }));
      await response.arrayBuffer();
      return `${response.status}, ${response.headers.get("content-type")?.split(";")[0]}`;
    },
  },
  {
    id: "other-model",
    attack: "an answer under the name of another model than was asked for",
    expected: "502 upstream_failed",
    owasp: ["API10", "LLM3"],
    observe: async (range) => said(await ask(range, answered({ content: "hi" }, { model: "something-else" }))),
  },
  {
    id: "false-usage",
    attack: "usage of a billion tokens, to exhaust the tenant's budget",
    expected: "200, charged within the hold",
    owasp: ["API10", "LLM10"],
    async observe(range) {
      const usage = { prompt_tokens: 1e9, completion_tokens: 1e9, total_tokens: 2e9 };
      const response = await ask(range, answered({ content: "hi" }, { usage }), { max_tokens: 10 });
      const status = await said(response.clone());
      const task = await range.lab.json(`/v1/tasks/${response.headers.get("x-bailiwick-task")}`, {
        key: range.mallory.apiKey,
      });
      return `${status}, charged ${Number(task.cost?.usd ?? task.cost_usd ?? 0) <= 0.01 ? "within the hold" : JSON.stringify(task)}`;
    },
  },
  {
    id: "negative-usage",
    attack: "usage below zero, to be paid for asking",
    expected: "no credit",
    owasp: ["API10", "LLM10"],
    async observe(range) {
      const usage = { prompt_tokens: -1e9, completion_tokens: -5, total_tokens: -1e9 };
      const response = await ask(range, answered({ content: "hi" }, { usage }));
      await response.arrayBuffer();
      const task = await range.lab.json(`/v1/tasks/${response.headers.get("x-bailiwick-task")}`, {
        key: range.mallory.apiKey,
      });
      return Number(task.cost?.usd ?? task.cost_usd ?? 0) >= 0 ? "no credit" : "a credit";
    },
  },
  {
    id: "redirect",
    attack: "an engine that answers with a redirect into the cell's network, to be sent the prompt and the credential",
    expected: "502 upstream_failed; nobody else was asked",
    owasp: ["API7", "API10"],
    async observe(range) {
      const before = range.sink.touched;
      const response = await ask(
        range,
        (to) => void to.writeHead(307, { location: `http://127.0.0.1:${range.sink.port}/v1/chat/completions` }).end(),
      );
      return `${await said(response)}; ${range.sink.touched === before ? "nobody else was asked" : "it was followed"}`;
    },
  },
  {
    id: "deep-answer",
    attack: "an answer 100,000 levels deep, asked for with a key and asked for again",
    expected: "200, then 200; 502 upstream_failed where it is translated; a good call after it 200, engine asked",
    owasp: ["API10", "LLM5"],
    async observe(range) {
      const answer: HostileAnswer = (to) =>
        void to
          .writeHead(200, { "content-type": "application/json" })
          .end(`{"model":"hostile","choices":[],"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`);
      const headers = { "idempotency-key": `deep-${range.engine.asked.length}` };
      const first = await said(await ask(range, answer, {}, CHAT, headers));
      const again = await said(await ask(range, answer, {}, CHAT, headers));
      const translated = await said(await ask(range, answer, { input: "x", messages: undefined }, "/v1/responses"));
      const after = await range.chat(range.mallory.apiKey);
      return `${first}, then ${again}; ${translated} where it is translated; a good call after it ${after}`;
    },
  },
  {
    id: "proto-answer",
    attack: "an answer with `__proto__` members",
    expected: "200, nothing inherited",
    owasp: ["API10", "LLM5"],
    async observe(range) {
      const body = JSON.stringify({
        ...{
          id: "x",
          object: "chat.completion",
          created: 1,
          model: "hostile",
          usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
        },
        choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
      }).replace("{", '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},');
      const response = await ask(
        range,
        (to) => void to.writeHead(200, { "content-type": "application/json" }).end(body),
      );
      const status = await said(response);
      const next = await range.chat(range.mallory.apiKey);
      return `${status}, ${next === "200, engine asked" ? "nothing inherited" : next}`;
    },
  },
];

export const STREAMS: Family = {
  id: "streams",
  title: "Hostile engines and stream injection",
  about:
    "An engine (or what speaks through it) that answers what it should not. What a reader of the stream sees is its status, the text of its deltas, how many ends (`[DONE]`) it had, and anything that no stream of ours has: other fields than `data`, events behind the end, data that is no JSON. `cut` is a connection that was destroyed, as behind every failure.",
  attacks: [...smuggled, ...answers],
};
