import { eventually, type Lab, marker, type Tenant, user } from "./lab.ts";

const CHAT = "/v1/chat/completions";

/** Asks in every way that ends differently: answers, failures, broken and cut streams, repeats, estimates, refusals. */
export async function mixedRun(lab: Lab, tenant: Tenant): Promise<void> {
  const key = tenant.apiKey;
  const ask = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const response = await lab.ask(path, { key, body, headers });
    await response.text().catch(() => "a broken stream ends in a destroyed connection");
    return response.status;
  };
  const messages = [user("hello there")];
  const models = [
    "echo",
    "synthetic",
    "no-usage",
    "midstream",
    "broken",
    "status-400",
    "status-500",
    "garbage",
    "fallback",
  ];
  const asked = [false, true].flatMap((stream) => [
    ...models.map((model) => ask(CHAT, { model, messages, stream, max_completion_tokens: 40 })),
    ask("/v1/responses", { model: "echo", input: "hello", stream }),
    ask("/v1/messages", { model: "echo", max_tokens: 20, messages, stream }),
    ask("/v1/completions", { model: "echo", prompt: "hello", stream }),
    cutStream(lab, tenant, stream),
  ]);
  await Promise.all([...asked, ask("/v1/embeddings", { model: "embed", input: ["a", "b"] })]);
  const keyed = { "idempotency-key": marker() };
  for (const _ of ["first", "again", "and again"]) await ask(CHAT, { model: "echo", messages }, keyed);
  await ask(CHAT, { model: "nobody", messages });
  await ask(CHAT, { model: "ruinous", messages });
}

/** Goes away in the middle of a stream, or before a held answer; resolves when the task is closed. */
async function cutStream(lab: Lab, tenant: Tenant, stream: boolean): Promise<void> {
  const mark = marker();
  const abort = new AbortController();
  const body = { model: stream ? "slow" : "held", messages: [user(mark)], stream };
  const asked = lab.ask(CHAT, { key: tenant.apiKey, signal: abort.signal, body });
  if (stream) await (await asked).body?.getReader().read();
  const [seen] = await eventually(
    async () => lab.upstream.about(mark),
    (requests) => requests.length > 0,
  );
  abort.abort();
  await asked.catch(() => "it was cut");
  await seen?.over;
  const open = async () => {
    const { data } = await lab.json("/v1/budgets", { key: tenant.adminKey });
    return data[0]?.held_nusd ?? 0;
  };
  await eventually(open, (held) => held === 0);
}
