import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { parseObject } from "../../functions/dialects/json-read.ts";
import { frameKind } from "../../functions/dialects/markers.ts";
import { rewriteRequest } from "../../functions/dialects/rewrite.ts";
import { SseSplitter } from "../../functions/dialects/sse.ts";
import type { AnswerContext, StreamTranslator } from "../../functions/dialects/translation.ts";
import { engineDialect, translators } from "../../functions/dialects/translators.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { type Dialect, type Engine, EngineError, type ModelEvent } from "../../shared/contracts/ports/engine.ts";

const SURFACES: Readonly<Record<string, Dialect>> = {
  "/v1/chat/completions": "openai.chat",
  "/v1/responses": "openai.responses",
  "/v1/completions": "openai.completions",
  "/v1/embeddings": "openai.embeddings",
  "/v1/messages": "anthropic.messages",
};

export interface DialectRelay extends AsyncDisposable {
  readonly url: string;
}

/** Serves every surface over one engine with nothing but the dialects between: what real clients see of a translation. */
export async function startDialectRelay(engine: Engine, model: string): Promise<DialectRelay> {
  const server = createServer((incoming, response) => {
    serve(engine, model, incoming, response).catch((error: unknown) => {
      const failure = error instanceof EngineError ? error.failure : { reason: String(error) };
      if (!response.headersSent) response.writeHead(400, { "content-type": "application/json" });
      response.end(
        JSON.stringify({ error: { message: JSON.stringify(failure), type: "test", param: null, code: null } }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // safe because: it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(
  engine: Engine,
  model: string,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const surface = SURFACES[incoming.url?.split("?", 1)[0] ?? ""];
  if (surface === undefined) throw new Error(`no surface at ${incoming.url}`);
  const request = parseObject(await text(incoming)) ?? {};
  const dialect = engineDialect(surface, engine.describeCapabilities().dialects);
  if (dialect === null) throw new Error(`${surface} cannot be served`);
  const translation = translators[surface][dialect];
  const translated = translation?.request(request, { outputTokensDefault: 512 });
  if (translated?.ok === false) throw new Error(`${translated.error.reason}: ${translated.error.param}`);
  const stream = request.stream === true;
  const body = rewriteRequest(dialect, translated?.value ?? request, { model, stream, outputTokensMax: null });
  const call = {
    task: "task_sdk",
    dialect,
    body,
    stream,
    model,
    traceparent: "00-0-0-00",
    tracestate: null,
    secret: null,
  };
  const context: AnswerContext = { id: "resp_sdk", createdS: 1_700_000_000, model: "alias", request };
  const events = engine.execute(call, new AbortController().signal);
  if (stream) return relayStream(response, events, dialect, translation?.stream(context) ?? null);
  for await (const event of events) {
    if (event.kind !== "body") continue;
    const text = new TextDecoder().decode(event.raw);
    const answer = translation?.answer(parseObject(text) ?? {}, context);
    if (answer?.ok === false) throw new Error(answer.error.detail);
    response.writeHead(200, { "content-type": "application/json" }).end(answer ? JSON.stringify(answer.value) : text);
  }
}

async function relayStream(
  response: ServerResponse,
  events: AsyncIterable<ModelEvent>,
  dialect: Dialect,
  translator: StreamTranslator | null,
): Promise<void> {
  const splitter = new SseSplitter();
  response.writeHead(200, { "content-type": "text/event-stream" });
  const fail = (message: string): void => {
    for (const frame of translator?.fail({ message, type: "api_error", code: "upstream_failed", param: null }) ?? [])
      response.write(frame.raw);
    response.end(() => response.destroy());
  };
  try {
    for await (const event of events) {
      if (event.kind !== "chunk") continue;
      for (const frame of splitter.push(event.raw)) {
        const kind = frameKind(dialect, frame);
        if (translator === null) response.write(frame.raw);
        else if (kind !== "comment") {
          const parsed: JsonObject | null = parseObject(frame.data());
          for (const made of parsed === null ? [] : translator.push(parsed)) response.write(made.raw);
          if (kind === "terminal") for (const made of translator.end()) response.write(made.raw);
        }
      }
    }
    response.end();
  } catch (error) {
    fail(error instanceof EngineError ? error.failure.reason : String(error));
  }
}
