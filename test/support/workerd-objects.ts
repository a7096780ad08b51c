import { fromBytesJson, toBytesJson } from "./bytes-json.ts";
import { startWorkerd, type WorkerdProcess } from "./workerd-process.ts";

/** The durable objects inside a real workerd, called from tests through their `remote.ts` adapters. */
export interface TestObjects extends WorkerdProcess {
  /** One case of the port, by itself or inside a step of the shell. */
  runSqlCase(title: string, inStep: boolean): Promise<unknown>;
  call(port: string, method: string, args: unknown[], cell?: string): Promise<unknown>;
}

export async function startObjects(): Promise<TestObjects> {
  const process = await startWorkerd({
    entry: new URL("../runtime/objects-worker.ts", import.meta.url).pathname,
    objects: {
      SQL: "SqlProbe",
      SESSIONS: "SessionProbe",
      TASKS: "TaskProbe",
      CELLS: "CellObject",
      SENDERS: "SenderProbe",
    },
  });
  async function call(port: string, method: string, args: unknown[], cell = "test"): Promise<unknown> {
    const response = await fetch(`${process.url}/${port}/${method}`, {
      method: "POST",
      headers: { "x-cell": cell },
      body: toBytesJson(args),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    const answer = fromBytesJson(text);
    if (typeof answer !== "object" || answer === null || !("value" in answer)) throw new Error("no answer");
    return answer.value;
  }
  return { ...process, call, runSqlCase: (title, inStep) => call("sql", "run", [title, inStep]) };
}

/** A port whose every method is called inside workerd. */
export const portInside = <T extends object>(objects: TestObjects, port: string, cell?: string): T =>
  new Proxy({} as T, {
    // safe because: every member of a port is an asynchronous method
    get:
      (_target, method) =>
      async (...args: unknown[]) =>
        objects.call(port, String(method), args, cell),
  });
