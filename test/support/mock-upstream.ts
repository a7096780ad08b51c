import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { isJsonObject, type JsonObject } from "../../shared/contracts/json.ts";
import { type MockAnswer, mockAnswer } from "./mock-answers.ts";

/** What the upstream does with the calls that follow. */
export type Fault =
  | { kind: "none" }
  | { kind: "status"; status: number; headers?: Record<string, string>; body?: string }
  /** Accepts the request and never answers. */
  | { kind: "hang" }
  /** Closes the connection without an answer. */
  | { kind: "reset" }
  /** Closes the connection after that many frames. */
  | { kind: "cut"; frames: number }
  /** Sends that many frames and then nothing. */
  | { kind: "stall"; frames: number }
  /** Ends the stream as if complete after that many frames. */
  | { kind: "truncate"; frames: number }
  /** Reports another model than was asked for. */
  | { kind: "model"; reports: string }
  /** A pause before every frame, and before a unary answer. */
  | { kind: "slow"; ms: number }
  /** Status 200 with this body in place of an answer. */
  | { kind: "raw"; type: string; body: string };

export interface RecordedRequest {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: JsonObject;
}

/** An OpenAI- and Anthropic-shaped server on loopback that fails as it is told. */
export interface MockUpstream extends AsyncDisposable {
  /** Without a path: `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly requests: RecordedRequest[];
  fault: Fault;
  /** Resolves when a client closes a connection before its answer was complete. */
  clientGone(): Promise<void>;
}

export async function startMockUpstream(): Promise<MockUpstream> {
  const requests: RecordedRequest[] = [];
  const broken = new WeakSet<ServerResponse>();
  let gone = 0;
  let waiting: (() => void)[] = [];
  const server = createServer((incoming, response) => {
    response.on("close", () => {
      if (response.writableFinished || broken.has(response)) return;
      gone++;
      for (const resolve of waiting) resolve();
      waiting = [];
    });
    serve(mock, incoming, response, () => {
      broken.add(response);
      response.destroy();
    }).catch((error: unknown) => response.destroy(error as Error)); // safe because: only Errors are thrown
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // safe because: it listens on TCP
  const mock: MockUpstream = {
    url: `http://127.0.0.1:${port}`,
    requests,
    fault: { kind: "none" },
    async clientGone() {
      if (gone > 0) gone--;
      else await new Promise<void>((resolve) => waiting.push(resolve)).then(() => void gone--);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return mock;
}

async function serve(
  mock: MockUpstream,
  incoming: IncomingMessage,
  response: ServerResponse,
  breakOff: () => void,
): Promise<void> {
  const path = incoming.url ?? "/";
  const body = await readJson(incoming);
  const { fault } = mock;
  const { method = "GET", headers } = incoming;
  if (method === "POST") mock.requests.push({ method, path, headers, body });
  switch (fault.kind) {
    case "hang":
      return;
    case "reset":
      breakOff();
      return;
    case "status":
      response.writeHead(fault.status, { "content-type": "application/json", ...fault.headers });
      response.end(
        fault.body ??
          JSON.stringify({ error: { message: "as told", type: "mock", code: "mock_code", param: "mock_param" } }),
      );
      return;
    case "raw":
      response.writeHead(200, { "content-type": fault.type }).end(fault.body);
      return;
    default:
      break;
  }
  if (method === "GET") {
    response.writeHead(200, { "content-type": "application/json" }).end('{"object":"list","data":[]}');
    return;
  }
  const answer = mockAnswer(path, body, fault.kind === "model" ? fault.reports : null);
  if (answer === null) {
    response.writeHead(404, { "content-type": "application/json" }).end('{"error":{"message":"no such path"}}');
    return;
  }
  if (body.stream === true) await stream(fault, answer, response, breakOff);
  else {
    if (fault.kind === "slow") await pause(fault.ms);
    response.writeHead(200, {
      "content-type": "application/json",
      "x-request-id": "req-mock",
      "request-id": "req-mock",
      "apim-request-id": "req-mock",
    });
    const text = JSON.stringify(answer.body);
    if (fault.kind === "cut") {
      response.write(text.slice(0, text.length / 2), breakOff);
      return;
    }
    response.end(text);
  }
}

async function stream(fault: Fault, answer: MockAnswer, response: ServerResponse, breakOff: () => void): Promise<void> {
  response.writeHead(200, {
    "content-type": "text/event-stream",
    "x-request-id": "req-mock",
    "request-id": "req-mock",
    "apim-request-id": "req-mock",
  });
  const stopAfter = "frames" in fault ? fault.frames : Number.POSITIVE_INFINITY;
  for (const [i, frame] of answer.frames.entries()) {
    if (i >= stopAfter) break;
    if (fault.kind === "slow") await pause(fault.ms);
    await new Promise((resolve) => response.write(frame, resolve));
  }
  if (fault.kind === "stall") return;
  if (fault.kind === "cut") breakOff();
  else response.end();
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function readJson(incoming: IncomingMessage): Promise<JsonObject> {
  const asked = await text(incoming);
  const parsed: unknown = asked === "" ? {} : JSON.parse(asked);
  return isJsonObject(parsed) ? parsed : {};
}
