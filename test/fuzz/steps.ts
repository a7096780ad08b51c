import type fc from "fast-check";
import { expect } from "vitest";
import { OPERATIONS } from "../../functions/v1/index.ts";
import { openApiDocument } from "../../functions/v1/openapi.ts";
import type { Lab, Tenant } from "../support/lab.ts";

/** Whom a sequence of calls is made against, and what was said so far: a failure is told with its history. */
export interface Asked {
  lab: Lab;
  tenant: Tenant;
  stranger: Tenant;
  said: string[];
}

/** Path templates of the document, the more words the earlier, with the statuses that each method documents. */
const DOCUMENTED = (() => {
  // safe because: the document's own shape, of which only this is read
  const { paths } = openApiDocument(OPERATIONS, { version: "0", server: "http://127.0.0.1" }) as {
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  };
  return Object.entries(paths)
    .sort(([a], [b]) => a.split("{").length - b.split("{").length)
    .map(([template, methods]) => ({ pattern: new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+")}$`), methods }));
})();

function documentedOf(method: string, path: string): readonly string[] {
  const [bare = ""] = path.split("?");
  const found = DOCUMENTED.find(({ pattern, methods }) => pattern.test(bare) && methods[method.toLowerCase()]);
  const responses = found?.methods[method.toLowerCase()]?.responses;
  if (responses === undefined) throw new Error(`${method} ${path} is not documented`);
  return Object.keys(responses);
}

export interface Call {
  key?: string;
  body?: object | string | Uint8Array;
  headers?: Record<string, string>;
  /** A status of a dependency that is behind, which this call may get. */
  mayFail?: number;
}

/**
 * One call. It never fails by itself, answers only what the document says of it, and never fails without saying how;
 * otherwise this throws with everything that was said before.
 */
export async function ask(
  real: Asked,
  method: string,
  path: string,
  { key = real.tenant.adminKey, body, headers = {}, mayFail }: Call = {},
) {
  const response = await real.lab.ask(path, { method, key, headers, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  const { status } = response;
  real.said.push(`${method} ${path} → ${status}`);
  const told = () => `${real.said.join("\n")}\n${text.slice(0, 2_000)}`;
  if (status >= 500 && status !== mayFail) throw new Error(told());
  if (!documentedOf(method, path).includes(String(status))) throw new Error(`not documented: ${told()}`);
  // biome-ignore lint/suspicious/noExplicitAny: the tests assert what they read
  const value: any = /json/.test(response.headers.get("content-type") ?? "") && text !== "" ? JSON.parse(text) : null;
  if (status >= 400) expect(typeof (value?.error?.code ?? value?.error?.type), told()).toBe("string");
  return { status, value, text, headers: response.headers };
}

/** A step over the `n`th thing of a kind, whether it is alive or not: what is dead stays dead for everybody. */
export abstract class Step<Model extends object, Real> implements fc.AsyncCommand<Model, Real> {
  readonly n: number;
  constructor(n: number) {
    this.n = n;
  }
  check(_model: Readonly<Model>): boolean {
    return true;
  }
  abstract run(model: Model, real: Real): Promise<void>;
  toString(): string {
    return `${this.constructor.name}(${this.n})`;
  }
}

export const chosen = <T>(all: readonly T[], n: number): T => {
  const thing = all[n % all.length];
  if (thing === undefined) throw new Error("nothing was made");
  return thing;
};
