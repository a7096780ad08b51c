import {
  InvalidObjectKey,
  type ObjectStore,
  ObjectStoreRefused,
  ObjectStoreUnavailable,
} from "../../shared/contracts/ports/object-store.ts";
import { fromBytesJson, toBytesJson } from "./bytes-json.ts";
import { MadeSource, SourceFailed, type SourceRecipe } from "./object-source.ts";

/** The errors that a port may reject with, by the name that travels. */
const ERRORS: Readonly<Record<string, new (message: string) => Error>> = {
  ObjectStoreUnavailable,
  ObjectStoreRefused,
  InvalidObjectKey,
  SourceFailed,
  RangeError,
};

type Call = (...args: unknown[]) => Promise<unknown>;

/** Serves ports over HTTP on any runtime: `POST /<name>/<method>`, arguments and answer as JSON, streams as bodies. */
export function hostObjectStores(
  open: (name: string) => Promise<ObjectStore>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const [, name = "", method = ""] = new URL(request.url).pathname.split("/");
    if (request.method === "GET") return new Response("ready");
    const args = fromBytesJson(await request.text());
    if (!Array.isArray(args)) return new Response("arguments are a list", { status: 400 });
    try {
      const store = await open(name);
      if (method === "getStream") return await streamed(store, args);
      if (method === "putStream") args[1] = new MadeSource(args[1]);
      if (method === "placement") return new Response(toBytesJson({ value: store.placement }));
      const call = Reflect.get(store, method) as Call; // safe because: tests name methods of the port
      return new Response(toBytesJson({ value: await call(...args) }));
    } catch (error) {
      const { name: kind, message, stack } = error instanceof Error ? error : new Error(String(error));
      return new Response(toBytesJson({ error: { kind, message: kind in ERRORS ? message : stack } }));
    }
  };
}

async function streamed(store: ObjectStore, args: unknown[]): Promise<Response> {
  const [key, options] = args as Parameters<ObjectStore["getStream"]>; // safe because: sent by the other half of this file
  const found = await store.getStream(key, options);
  if (!found.ok) return new Response(toBytesJson({ value: found }));
  const { body, ...state } = found.value;
  return new Response(body, { headers: { "x-state": JSON.stringify(state) } });
}

/** The other half: a port whose calls travel to such a host. */
export async function remoteObjectStore(url: string, name: string): Promise<ObjectStore> {
  async function send(method: string, args: unknown[]): Promise<Response> {
    const response = await fetch(`${url}/${name}/${method}`, { method: "POST", body: toBytesJson(args) });
    if (!response.ok) throw new Error(await response.text());
    return response;
  }
  async function answerOf(response: Response): Promise<unknown> {
    const answer = fromBytesJson(await response.text());
    if (typeof answer !== "object" || answer === null) throw new Error("no answer");
    if ("value" in answer) return answer.value;
    const { kind, message } = (answer as { error: { kind: string; message: string } }).error; // safe because: our host's
    throw new (ERRORS[kind] ?? Error)(message);
  }
  const call = async (method: string, args: unknown[]) => answerOf(await send(method, args));
  const placement = await call("placement", []);

  return new Proxy({} as ObjectStore, {
    get(_target, method) {
      if (method === "placement") return placement;
      if (method === "then") return undefined;
      if (method === "putStream")
        return (key: string, source: { recipe: SourceRecipe }, options?: unknown) =>
          call("putStream", [key, source.recipe, options]);
      if (method !== "getStream") return (...args: unknown[]) => call(String(method), args);
      return async (...args: unknown[]) => {
        const response = await send("getStream", args);
        const state = response.headers.get("x-state");
        if (state === null) return answerOf(response);
        return { ok: true, value: { ...JSON.parse(state), body: response.body } };
      };
    },
  }); // safe because: every member of the port but its placement is an asynchronous method
}
