import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { TenantImport, TenantMoveObject, TenantReceipt } from "../../shared/contracts/http/tenant-moves.ts";
import type { CellAccess } from "./batch-client.ts";
import { Refused, type Terminal } from "./command.ts";

/** As an operator of the cell: from `BAILIWICK_ENDPOINT` and `BAILIWICK_API_KEY`, or the keys of the home. Throws `Refused`. */
export async function operatorAccess({ variable }: Pick<Terminal, "variable">): Promise<CellAccess> {
  const endpoint = variable("BAILIWICK_ENDPOINT");
  const key = variable("BAILIWICK_API_KEY");
  if (endpoint && key) return { endpoint: endpoint.replace(/\/(?:v1\/?)?$/, ""), key };
  const file = join(variable("BAILIWICK_HOME") ?? ".bailiwick", "keys.json");
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null)
    throw new Refused(`set BAILIWICK_ENDPOINT and BAILIWICK_API_KEY (an operator's), there is no ${file}`);
  const keys = z.looseObject({ endpoint: z.string(), admin_key: z.string() }).parse(JSON.parse(text));
  return { endpoint: keys.endpoint, key: keys.admin_key };
}

const Told = z.looseObject({
  reason: z.string().optional(),
  detail: z.string().optional(),
  error: z.looseObject({ code: z.string(), message: z.string() }),
});

/** Reasons of a refusal that pass by themselves. */
const PASSING: ReadonlySet<string> = new Set(["busy", "unpublished", "in_progress", "unavailable"]);
const PATIENCE_MS = 10 * 60_000;
const PAUSE_MS = 1_000;

/** Operations of a move at one cell, tried again while what refuses them passes. Throws `Refused`. */
export class MoveClient {
  readonly #cell: CellAccess;
  readonly #tenant: string;
  readonly #terminal: Pick<Terminal, "err">;

  constructor(cell: CellAccess, tenant: string, terminal: Pick<Terminal, "err">) {
    this.#cell = cell;
    this.#tenant = tenant;
    this.#terminal = terminal;
  }

  async #ask(method: string, path: string, body: unknown, bytes?: Uint8Array): Promise<Response> {
    const untilMs = Date.now() + PATIENCE_MS;
    const url = `${this.#cell.endpoint}/v1/tenants/${encodeURIComponent(this.#tenant)}/${path}`;
    for (let said = ""; ; ) {
      const response = await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${this.#cell.key}`,
          ...(bytes ? { "content-type": "application/octet-stream" } : {}),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(bytes ? { body: bytes.slice() } : {}),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }).catch((cause: unknown) => {
        throw new Refused(`${this.#cell.endpoint} does not answer: the same command goes on later`, { cause });
      });
      if (response.ok) return response;
      const text = await response.text();
      const { reason = "", detail, error } = parsed(text);
      const words = `${response.status} ${error.code}${reason === "" ? "" : ` (${reason})`}: ${detail ?? error.message}`;
      const passes = PASSING.has(reason) || response.status === 429 || response.status === 503;
      if (!passes || Date.now() > untilMs) throw new Refused(words);
      if (words !== said) this.#terminal.err(`waiting: ${words}\n`);
      said = words;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  leave = async (to: string) => TenantMoveObject.parse(await (await this.#ask("POST", "leave", { to })).json());
  move = async () => TenantMoveObject.parse(await (await this.#ask("GET", "move", undefined)).json());
  stay = async () => TenantMoveObject.parse(await (await this.#ask("DELETE", "move", undefined)).json());
  export = (transferKey: string, from: number) => this.#ask("POST", "export", { transfer_key: transferKey, from });
  release = async (manifest: string) =>
    TenantReceipt.parse(await (await this.#ask("POST", "release", { manifest })).json()).receipt;
  part = async (sha256: string, bytes: Uint8Array) =>
    void (await (await this.#ask("PUT", `import/${sha256}`, undefined, bytes)).json());
  import = async (archive: { manifest: string; keys: string; transfer_key: string }) =>
    TenantImport.parse(await (await this.#ask("POST", "import", archive)).json());
  activate = async (input: { receipt: string; keys: string }) =>
    void (await (await this.#ask("POST", "activate", input)).json());
}

function parsed(text: string): z.infer<typeof Told> {
  try {
    return Told.parse(JSON.parse(text));
  } catch {
    // Not the cell's own answer: told as it is.
    return { error: { code: "unknown", message: text.slice(0, 200) } };
  }
}
