import { type Ask, type Lab, type Tenant, user } from "./lab.ts";
import { plainAsk } from "./plain-ask.ts";

/** Chats, streams and their failures, on every surface, with content in every place where a caller may put it. */
export async function callSurfaces(lab: Lab, { apiKey: key }: Tenant, content: string): Promise<void> {
  const ask = async (path: string, body: unknown, headers: Record<string, string> = {}): Promise<string> => {
    const response = await lab.ask(path, { key, body, headers });
    // A broken stream ends in a destroyed connection.
    return response.text().catch(() => "");
  };
  const chat = "/v1/chat/completions";
  const messages = [user(`${content} chat`)];
  for (const stream of [false, true]) {
    for (const model of [
      "echo",
      "synthetic",
      "remote",
      "hybrid",
      "status-500",
      "quoting-400",
      "midstream",
      "garbage",
      "fallback",
    ])
      await ask(chat, { model, messages, stream, user: content, metadata: { note: content } });
    const keyed = { "idempotency-key": `${content}-${stream}` };
    for (const _ of ["first", "again"]) await ask(chat, { model: "echo", messages, stream }, keyed);
    await ask("/v1/completions", { model: "echo", prompt: `${content} completion`, stream });
    await ask("/v1/messages", { model: "echo", max_tokens: 32, system: content, messages: [user(content)], stream });
    await ask("/v1/responses", { model: "echo", input: `${content} responses`, instructions: content, stream });
  }
  await ask("/v1/embeddings", { model: "embed", input: [`${content} embedding`] });
  const conversation = JSON.parse(
    await ask("/v1/conversations", { items: [user(content)], metadata: { topic: content } }),
  );
  await ask("/v1/responses", { model: "echo", input: content, conversation: conversation.id });
  // No worker takes it: it waits in the queue until its deadline.
  await ask("/v1/tasks", { kind: "chat.completions", request: { model: "queued", messages } });
  const cut = new AbortController();
  const stream = await lab.ask(chat, { key, signal: cut.signal, body: { model: "slow", messages, stream: true } });
  await stream.body?.getReader().read();
  cut.abort();
}

/** What is refused carries content too, also where nobody expects it: in paths, queries, names and headers. */
export async function refusedCalls(lab: Lab, key: string, content: string): Promise<number[]> {
  const chat = "/v1/chat/completions";
  const bad: [string, Ask][] = [
    [chat, { key, body: { model: "echo", messages: [user(content)] } }],
    [chat, { key, body: { model: "echo", messages: [user(content)], stream: true } }],
    [chat, { key, body: `{"model":"echo","messages":[{"role":"user","content":"${content}` }],
    [chat, { key, body: { model: content, messages: content } }],
    [chat, { key, body: content, headers: { "content-type": "text/plain", "x-bailiwick-intent": content } }],
    [`/v1/models?prompt=${content}`, { key }],
    [`/v1/responses/${content}`, { key }],
    [`/v1/files`, { key, body: new TextEncoder().encode(content), headers: { "x-file-name": content } }],
  ];
  const statuses: number[] = [];
  for (const [path, options] of bad) {
    const response = await plainAsk(lab.cell.url + path, options);
    await response.text();
    statuses.push(response.status);
  }
  return statuses;
}
