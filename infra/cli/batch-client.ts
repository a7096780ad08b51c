import { createReadStream, createWriteStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Refused, type Terminal } from "./command.ts";

/** Where a cell is, and who asks. */
export interface CellAccess {
  /** Without `/v1`. */
  endpoint: string;
  key: string;
}

/** From `BAILIWICK_ENDPOINT` and `BAILIWICK_API_KEY`, or the keys of the home. Throws `Refused`. */
export async function cellAccess({ variable }: Pick<Terminal, "variable">): Promise<CellAccess> {
  const endpoint = variable("BAILIWICK_ENDPOINT");
  const key = variable("BAILIWICK_API_KEY");
  if (endpoint && key) return { endpoint: endpoint.replace(/\/(?:v1\/?)?$/, ""), key };
  const file = join(variable("BAILIWICK_HOME") ?? ".bailiwick", "keys.json");
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null)
    throw new Refused(`set BAILIWICK_ENDPOINT and BAILIWICK_API_KEY, or start a cell first: there is no ${file}`);
  const keys = JSON.parse(text) as { endpoint: string; api_key: string }; // safe because: the cell wrote it
  return { endpoint: keys.endpoint, key: keys.api_key };
}

/** Failures that pass: the caller tries again. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

export interface BatchState {
  id: string;
  status: string;
  request_counts: { total: number; completed: number; failed: number };
  output_file_id: string | null;
  error_file_id: string | null;
  errors: { data: { code: string; line: number | null; message: string }[] } | null;
}

async function ask(cell: CellAccess, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${cell.key}` }; // safe because: callers here give records
  const response = await fetch(`${cell.endpoint}${path}`, { ...init, headers }).catch((cause: unknown) => {
    // A file that cannot be sent ends the call as well; that is not the cell's silence.
    for (let why = cause; why instanceof Error; why = why.cause) if (why instanceof Refused) throw why;
    throw new Unreachable(`${cell.endpoint} does not answer`, { cause });
  });
  if (response.ok) return response;
  const text = await response.text().catch(() => "");
  if (response.status === 429 || response.status >= 500)
    throw new Unreachable(`${response.status} ${text.slice(0, 200)}`);
  let told = text.slice(0, 300);
  try {
    told = (JSON.parse(text) as { error: { message: string } }).error.message; // safe because: anything else is caught
  } catch {
    // Not the cell's own answer: told as it is.
  }
  throw new Refused(`${path}: ${response.status} ${told}`);
}

/** Lines of the file, each with this model in its body. */
async function* remodelled(file: string, model: string): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    const text = line.replace(/^\ufeff/, "");
    if (text.trim() === "") continue;
    let request: { body?: object };
    try {
      request = JSON.parse(text) as { body?: object }; // safe because: the cell validates the line
    } catch {
      throw new Refused(`a line of ${file} is no JSON: ${text.slice(0, 80)}`);
    }
    yield encoder.encode(`${JSON.stringify({ ...request, body: { ...request.body, model } })}\n`);
  }
}

const BOUNDARY = "bailiwick-batch-7c1f7e7a9d0b4d1f";

/** Sends the file as it is read, never held as a whole; answers its id. */
export async function uploadInput(cell: CellAccess, file: string, model: string | null, sent: (bytes: number) => void) {
  const encoder = new TextEncoder();
  const source: AsyncIterable<Uint8Array> = model === null ? createReadStream(file) : remodelled(file, model);
  const part = (disposition: string) => `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`;
  async function* form() {
    yield encoder.encode(`${part('name="purpose"')}batch\r\n${part('name="file"; filename="input.jsonl"')}`);
    let bytes = 0;
    for await (const piece of source) {
      bytes += piece.byteLength;
      sent(bytes);
      yield new Uint8Array(piece);
    }
    yield encoder.encode(`\r\n--${BOUNDARY}--\r\n`);
  }
  const init: RequestInit & { duplex: "half" } = {
    method: "POST",
    headers: { "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
    body: Readable.toWeb(Readable.from(form())) as unknown as NonNullable<RequestInit["body"]>, // safe because: a stream of bytes is a body
    duplex: "half",
  };
  const { id } = (await (await ask(cell, "/v1/files", init)).json()) as { id: string }; // safe because: the cell's own answer
  return id;
}

export async function createBatch(cell: CellAccess, input: string, endpoint: string): Promise<BatchState> {
  const body = JSON.stringify({ input_file_id: input, endpoint, completion_window: "24h" });
  const headers = { "content-type": "application/json" };
  return (await (await ask(cell, "/v1/batches", { method: "POST", headers, body })).json()) as BatchState; // safe because: the cell's own answer
}

export const readBatch = async (cell: CellAccess, id: string): Promise<BatchState> =>
  (await (await ask(cell, `/v1/batches/${encodeURIComponent(id)}`)).json()) as BatchState; // safe because: the cell's own answer

/** Writes the file's content to `path`; goes on behind what is there of it. Answers its bytes. */
export async function download(cell: CellAccess, file: string, path: string): Promise<number> {
  const { bytes } = (await (await ask(cell, `/v1/files/${file}`)).json()) as { bytes: number }; // safe because: the cell's own answer
  const have = (await stat(path).catch(() => null))?.size ?? 0;
  const from = have < bytes ? have : 0;
  if (have === bytes) return bytes;
  const response = await ask(cell, `/v1/files/${file}/content`, { headers: { range: `bytes=${from}-` } });
  if (response.body === null) return 0;
  const source = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]); // safe because: both are the platform's streams
  await pipeline(source, createWriteStream(path, { flags: from > 0 ? "a" : "w" }));
  return bytes;
}
