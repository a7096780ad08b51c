import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const MODEL = "live";

/** An OpenAI server whose streams say one numbered token after another, at one pace, until all of them are let go. */
export interface LiveEngine {
  url: string;
  /** Tokens that were sent over all streams. */
  readonly tokens: number;
  /** From its next token on each stream says one in so long. */
  pace(everyMs: number): void;
  /** Every stream ends with its next token. */
  letGo(): void;
  stop(): Promise<void>;
}

const event = (delta: object, finish: string | null): string =>
  `data: ${JSON.stringify({
    ...{ id: "chatcmpl-live", object: "chat.completion.chunk", created: 1, model: MODEL },
    choices: [{ index: 0, delta, finish_reason: finish }],
  })}\n\n`;

const END = `${event({}, "stop")}data: ${JSON.stringify({
  ...{ id: "chatcmpl-live", object: "chat.completion.chunk", created: 1, model: MODEL, choices: [] },
  usage: { prompt_tokens: 12, completion_tokens: 12, total_tokens: 24 },
})}\n\ndata: [DONE]\n\n`;

export async function startLiveEngine(everyMs: number): Promise<LiveEngine> {
  let tokens = 0;
  let pace = everyMs;
  let gone = false;
  const timers = new Set<ReturnType<typeof setTimeout>>();

  function stream(response: ServerResponse): void {
    let said = 0;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const stop = () => {
      if (timer === null) return;
      clearTimeout(timer);
      timers.delete(timer);
    };
    const say = () => {
      stop();
      tokens++;
      response.write(event({ content: ` n${said++}` }, null));
      if (gone) return void response.end(END);
      timer = setTimeout(say, pace);
      timers.add(timer);
    };
    response.on("close", stop);
    response.writeHead(200, { "content-type": "text/event-stream" });
    say();
  }

  const server = createServer((request, response) => {
    if (request.method === "POST") {
      request.resume();
      request.on("end", () => stream(response));
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ object: "list", data: [{ id: MODEL, object: "model" }] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // safe because: it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    get tokens() {
      return tokens;
    },
    pace(ms) {
      pace = ms;
    },
    letGo() {
      gone = true;
    },
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
