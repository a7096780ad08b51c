import { readFile } from "node:fs/promises";
import { LIMITS } from "../shared/contracts/limits.ts";
import { WorkerToken, type WorkerTokenRequest } from "../shared/contracts/worker-protocol.ts";

const ANSWER_BYTES_MAX = 16 * 1024;

export interface TokenSourceOptions {
  cell: URL;
  pool: string;
  worker: string;
  /** What proves who the worker is. Read anew each time: a projected token is replaced while the worker runs. */
  proof: { kind: "service_account" | "enrolment"; file: string };
  fetch: (url: string, init: RequestInit) => Promise<Response>;
}

/** Exchanges the worker's proof for a token of at most ten minutes. @throws Error when the cell gives none. */
export function tokenSource({ cell, pool, worker, proof, fetch }: TokenSourceOptions) {
  return async (signal: AbortSignal): Promise<WorkerToken> => {
    const text = (await readFile(proof.file, "utf8")).trim();
    if (text === "") throw new Error(`${proof.file} is empty`);
    const request: WorkerTokenRequest = {
      ...{ pool, worker },
      proof:
        proof.kind === "enrolment" ? { kind: "enrolment", secret: text } : { kind: "service_account", token: text },
    };
    const response = await fetch(new URL("/v1/workers/token", cell).href, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIMITS.workerTokenMsMax)]),
    });
    const answer = await bounded(response);
    // The answer may quote the proof: only its status is told.
    if (!response.ok) throw new Error(`the cell gave no token: ${response.status}`);
    return WorkerToken.parse(JSON.parse(answer));
  };
}

async function bounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) throw new Error("the cell's answer is too long");
  }
  return text;
}
