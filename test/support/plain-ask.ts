import { request } from "node:http";
import type { Ask } from "./lab.ts";

/** One call and no more: `fetch` repeats by itself what is answered 421. */
export function plainAsk(
  url: string,
  { key, method, body, headers = {} }: Ask,
  options: { localAddress?: string } = {},
): Promise<Response> {
  const sent =
    body === undefined || typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  const credential = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const type = sent === undefined ? {} : { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      {
        ...options,
        method: method ?? (sent === undefined ? "GET" : "POST"),
        headers: { ...credential, ...type, ...headers },
        agent: false,
      },
      (response) => {
        const parts: Uint8Array[] = [];
        response.on("data", (part: Uint8Array) => parts.push(part));
        response.on("error", reject);
        response.on("end", () => {
          const names = Object.entries(response.headers).map(([name, value]): [string, string] => [
            name,
            String(value),
          ]);
          resolve(new Response(Buffer.concat(parts), { status: response.statusCode ?? 0, headers: names }));
        });
      },
    );
    asked.on("error", reject);
    asked.end(sent);
  });
}
