/// An OpenAI-compatible upstream that answers at once, run by Deno in a process of its own: `deno run --allow-net … <port>`.
/// The model name says how: `instant`, `paced` (one token each 20 ms, the first at once) or `slow` (one a second).

declare const Deno: {
  args: string[];
  serve(
    options: { hostname: string; port: number; onListen: () => void },
    handler: (request: Request) => Response | Promise<Response>,
  ): unknown;
};

export const FRAMES = 20;
const SLOW_FRAMES = 12;
const SLOW_MS = 1000;
const PACED_FRAMES = 50;
const PACED_MS = 20;
const encoder = new TextEncoder();
const chunk = (model: string, delta: object, finish: string | null, usage?: object) =>
  encoder.encode(
    `data: ${JSON.stringify({
      id: "chatcmpl-mock",
      object: "chat.completion.chunk",
      created: 1,
      model,
      choices: usage ? [] : [{ index: 0, delta, finish_reason: finish }],
      ...(usage ? { usage } : {}),
    })}\n\n`,
  );
const usage = { prompt_tokens: 12, completion_tokens: FRAMES, total_tokens: 12 + FRAMES };
const done = encoder.encode("data: [DONE]\n\n");

const framesOf = (model: string, count: number) => [
  chunk(model, { role: "assistant", content: "" }, null),
  ...Array.from({ length: count }, (_, n) => chunk(model, { content: ` word${n}` }, null)),
  chunk(model, {}, "stop"),
  chunk(model, {}, null, usage),
  done,
];
const instantFrames = framesOf("instant", FRAMES);
/// The role travels with the first token, so that the first frame is one.
const pacedFrames = framesOf("paced", PACED_FRAMES).slice(1);
const slowFrames = framesOf("slow", SLOW_FRAMES);
const unary = encoder.encode(
  JSON.stringify({
    id: "chatcmpl-mock",
    object: "chat.completion",
    created: 1,
    model: "instant",
    choices: [{ index: 0, message: { role: "assistant", content: "word ".repeat(FRAMES) }, finish_reason: "stop" }],
    usage,
  }),
);

function instantStream(): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const frame = instantFrames[at++];
      if (frame) controller.enqueue(frame);
      else controller.close();
    },
  });
}

function timedStream(frames: readonly Uint8Array[], each_ms: number): ReadableStream<Uint8Array> {
  let at = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  return new ReadableStream({
    start(controller) {
      const next = () => {
        const frame = frames[at++];
        if (frame) return controller.enqueue(frame);
        clearInterval(timer);
        controller.close();
      };
      next();
      timer = setInterval(next, each_ms);
    },
    cancel() {
      clearInterval(timer);
    },
  });
}

function streamOf(model: string | undefined): ReadableStream<Uint8Array> {
  if (model === "paced") return timedStream(pacedFrames, PACED_MS);
  return model === "slow" ? timedStream(slowFrames, SLOW_MS) : instantStream();
}

Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen: () => console.log("ready") },
  async (request) => {
    if (request.method !== "POST")
      return Response.json({
        object: "list",
        data: ["instant", "paced", "slow"].map((id) => ({ id, object: "model" })),
      });
    const body = await request.text();
    if (!/"stream":\s*true/.test(body)) return new Response(unary, { headers: { "content-type": "application/json" } });
    return new Response(streamOf(/"model":\s*"(?:openai\/)?(\w+)"/.exec(body)?.[1]), {
      headers: { "content-type": "text/event-stream" },
    });
  },
);
