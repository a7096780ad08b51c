/** One black-box check of a deployed cell: what it shows, and what it found when it failed. */
export interface SmokeResult {
  name: string;
  ok: boolean;
  detail: string;
  ms: number;
}

export interface SmokeTarget {
  /** Without `/v1`. */
  url: string;
  key: string;
  /** A model that the key may call: chats are asked of it, so it should be a cheap one. */
  model: string;
  fetch?: typeof fetch;
}

const CALL_MS_MAX = 30_000;

class Failed extends Error {}
function must(condition: boolean, found: string): asserts condition {
  if (!condition) throw new Failed(found);
}

type Ask = (path: string, init?: RequestInit) => Promise<Response>;
type Check = (ask: Ask, target: SmokeTarget) => Promise<string>;
const asKey = (key: string) => ({ authorization: `Bearer ${key}`, "content-type": "application/json" });
const chat = (model: string, more: object = {}) =>
  JSON.stringify({ model, messages: [{ role: "user", content: "Say that you are there." }], max_tokens: 32, ...more });

/** In this order; a cell that fails one is not asked the rest, because each leans on those before. */
const CHECKS: readonly [name: string, check: Check][] = [
  [
    "answers as alive",
    async (ask) => {
      const answer = await ask("/health");
      must(answer.status === 200, `status ${answer.status}`);
      return "200";
    },
  ],
  [
    "publishes its OpenAPI document",
    async (ask) => {
      const answer = await ask("/openapi.json");
      const { openapi, paths } = (await answer.json()) as { openapi?: string; paths?: object }; // safe because: each member is looked at
      must(openapi?.startsWith("3.1") === true && Object.keys(paths ?? {}).length > 20, `openapi ${openapi}`);
      return `${Object.keys(paths ?? {}).length} paths`;
    },
  ],
  [
    "publishes keys of both kinds, so that its evidence can be verified",
    async (ask) => {
      const { keys } = (await (await ask("/.well-known/bailiwick-keys.json")).json()) as { keys?: { alg: string }[] }; // safe because: looked at below
      const algorithms = new Set(keys?.map(({ alg }) => alg));
      must(algorithms.has("Ed25519") && algorithms.has("ML-DSA-65"), [...algorithms].join(", ") || "none");
      return [...algorithms].join(", ");
    },
  ],
  [
    "refuses a stranger",
    async (ask) => {
      const answer = await ask("/v1/models");
      must(answer.status === 401, `status ${answer.status}`);
      return "401";
    },
  ],
  [
    "refuses a key that it never made",
    async (ask, { key }) => {
      const answer = await ask("/v1/models", { headers: asKey(`${key.slice(0, -8)}AAAAAAAA`) });
      must(answer.status === 401, `status ${answer.status}`);
      return "401";
    },
  ],
  [
    "lists the model",
    async (ask, { key, model }) => {
      const { data } = (await (await ask("/v1/models", { headers: asKey(key) })).json()) as { data?: { id: string }[] }; // safe because: looked at below
      must(data?.some(({ id }) => id === model) === true, `${data?.length ?? 0} models, not ${model}`);
      return `${data?.length ?? 0} models`;
    },
  ],
  [
    "answers a chat, and records it as a settled task",
    async (ask, { key, model }) => {
      const answer = await ask("/v1/chat/completions", { method: "POST", headers: asKey(key), body: chat(model) });
      const body = (await answer.json()) as {
        choices?: { message?: { content?: string } }[];
        usage?: { total_tokens?: number };
      }; // safe because: looked at below
      must(answer.status === 200, `status ${answer.status}`);
      must(
        (body.choices?.[0]?.message?.content ?? "") !== "" && (body.usage?.total_tokens ?? 0) > 0,
        "no content or usage",
      );
      const task = answer.headers.get("x-bailiwick-task") ?? "";
      const record = (await (await ask(`/v1/tasks/${task}`, { headers: asKey(key) })).json()) as { status?: string }; // safe because: looked at below
      must(record.status === "OK", `task ${task} is ${record.status}`);
      return task;
    },
  ],
  [
    "streams a chat to its end",
    async (ask, { key, model }) => {
      const answer = await ask("/v1/chat/completions", {
        method: "POST",
        headers: asKey(key),
        body: chat(model, { stream: true }),
      });
      const text = await answer.text();
      const events = text.split("\n\n").filter((event) => event.startsWith("data: "));
      must(answer.headers.get("content-type")?.startsWith("text/event-stream") === true, "no event stream");
      must(
        events.length > 2 && events.at(-1) === "data: [DONE]",
        `${events.length} events, ending in ${events.at(-1)?.slice(0, 40)}`,
      );
      return `${events.length} events`;
    },
  ],
  [
    "replays a repeated key instead of running twice",
    async (ask, { key, model }) => {
      const init = {
        method: "POST",
        headers: { ...asKey(key), "idempotency-key": `smoke-${crypto.randomUUID()}` },
        body: chat(model),
      };
      const first = await ask("/v1/chat/completions", init);
      const again = await ask("/v1/chat/completions", init);
      const [before, after] = [await first.text(), await again.text()];
      must(
        again.headers.get("idempotent-replayed") === "true" && before === after,
        `status ${first.status}, then ${again.status}`,
      );
      return "byte for byte";
    },
  ],
  [
    "names what is wrong with a bad request",
    async (ask, { key }) => {
      const answer = await ask("/v1/chat/completions", { method: "POST", headers: asKey(key), body: "{" });
      const { error } = (await answer.json()) as { error?: { type?: string } }; // safe because: looked at below
      must(answer.status === 400 && typeof error?.type === "string", `status ${answer.status}`);
      return `400 ${error.type}`;
    },
  ],
];

/** Runs every check against a cell, over HTTP alone; ends at the first that fails. Makes three small chats and one key. */
export async function smoke(target: SmokeTarget): Promise<SmokeResult[]> {
  const send = target.fetch ?? fetch;
  const ask: Ask = (path, init) =>
    send(`${target.url}${path}`, { ...init, redirect: "error", signal: AbortSignal.timeout(CALL_MS_MAX) });
  const results: SmokeResult[] = [];
  for (const [name, check] of CHECKS) {
    const began = performance.now();
    const result = await check(ask, target).then(
      (detail) => ({ ok: true, detail }),
      // A cell that does not answer, or with what is no JSON, fails the check as one that answers wrongly does.
      (cause: unknown) => ({ ok: false, detail: cause instanceof Error ? cause.message : String(cause) }),
    );
    results.push({ name, ...result, ms: Math.round(performance.now() - began) });
    if (!result.ok) break;
  }
  return results;
}

export const smokePassed = (results: readonly SmokeResult[]): boolean =>
  results.length === CHECKS.length && results.every(({ ok }) => ok);
