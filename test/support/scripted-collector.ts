import { createServer } from "node:http";
import { z } from "zod";

/** One export as the collector took it in. */
export interface Received<Body> {
  path: string;
  authorization: string | undefined;
  contentType: string | undefined;
  body: Body;
}
export type Answer = [status: number, body?: string, headers?: Record<string, string>];

/** Attributes in OTLP 1.x JSON. */
export const otlpAttributes = z.array(
  z.strictObject({
    key: z.string().min(1),
    value: z.union([
      z.strictObject({ stringValue: z.string() }),
      z.strictObject({ boolValue: z.boolean() }),
      z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
      z.strictObject({ doubleValue: z.number() }),
    ]),
  }),
);
/** Nanoseconds since the epoch, as text. */
export const otlpNanos = z.string().regex(/^[1-9]\d{18}$/);

/** A collector on loopback that accepts only what `schema` does; `answers` are given in turn, then 200. */
export async function startCollector<Body>(schema: z.ZodType<Body>, answers: (Answer | "hang")[] = []) {
  const received: Received<Body>[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const parsed = schema.safeParse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
      if (!parsed.success) return void response.writeHead(400).end(z.prettifyError(parsed.error));
      const answer = answers.shift() ?? [200, "{}"];
      received.push({
        path: request.url ?? "",
        authorization: request.headers.authorization,
        contentType: request.headers["content-type"],
        body: parsed.data,
      });
      if (answer === "hang") return;
      response.writeHead(answer[0], { "content-type": "application/json", ...answer[2] }).end(answer[1] ?? "{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    received,
    endpoint: `http://127.0.0.1:${address.port}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
