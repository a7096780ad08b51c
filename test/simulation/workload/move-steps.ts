import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ok } from "../../../shared/contracts/result.ts";
import { decodeBase64 } from "../../../shared/crypto/log/base64.ts";
import { parseDsse } from "../../../shared/crypto/log/dsse.ts";
import { parseStatement } from "../../../shared/crypto/log/statement.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { readTar } from "../../../shared/evidence/tar-reader.ts";
import type { Acknowledged, Credential } from "../facts.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import type { TenantName } from "../parts/config.ts";
import type { Answered } from "../parts/http.ts";
import { KEYS_FILE } from "../parts/signer.ts";
import type { Caller } from "./caller.ts";
import { object, objects } from "./read.ts";

/** 32 bytes in base64url. */
const TRANSFER_KEY = "A".repeat(43);
const MANIFEST = "manifest.dsse.json";
/** So often a step is asked for that must get there; each try may wait for an edge that stands still. */
const TRIES_MAX = 150;
const FILE_BYTES_MAX = Math.max(LIMITS.movedPartSealedBytesMax, LIMITS.movedManifestBytesMax);

export interface Archive {
  parts: Uint8Array[];
  manifest: string;
}

/** The reason of a refusal, or its status. */
const reasonOf = (answer: Answered | null): string => {
  const reason = answer === null ? null : object(answer.text)?.reason;
  return typeof reason === "string" ? reason : String(answer?.status ?? "no answer");
};

/** Digests of the parts that a manifest lists. */
function listed(manifest: string): string {
  const payload = parseDsse(manifest)?.payload;
  const bytes = payload === undefined ? null : typeof payload === "string" ? decodeBase64(payload) : payload;
  return (
    parseStatement(bytes ?? new Uint8Array())
      ?.subject.map(({ digest }) => digest.sha256)
      .join() ?? ""
  );
}

/** A tenant's move as operators of both cells make it: each step again until something certain came back. */
export class MoveSteps {
  readonly tenant: TenantName;
  readonly from: SimulatedCell;
  readonly to: SimulatedCell;
  readonly #caller: Caller;
  readonly #operators: ReadonlyMap<SimulatedCell, Credential>;
  /** Since when nothing of the tenant runs in a cell, by acknowledgement. */
  readonly #away: Map<SimulatedCell, Acknowledged>;

  constructor(
    caller: Caller,
    operators: ReadonlyMap<SimulatedCell, Credential>,
    tenant: TenantName,
    [from, to]: readonly [SimulatedCell, SimulatedCell],
    away: Map<SimulatedCell, Acknowledged>,
  ) {
    [this.#caller, this.#operators, this.tenant, this.#away] = [caller, operators, tenant, away];
    [this.from, this.to] = [from, to];
  }

  get #world() {
    return this.#caller.cell.world;
  }

  /** The move again from the other end. */
  back(): MoveSteps {
    return new MoveSteps(this.#caller, this.#operators, this.tenant, [this.to, this.from], this.#away);
  }

  /** One step at one cell, once. */
  async ask(
    cell: SimulatedCell,
    [method, verb]: readonly [string, string],
    body: Parameters<Caller["sendTo"]>[4] = null,
    binary = false,
  ): Promise<Answered | null> {
    const operator = this.#operators.get(cell);
    if (operator === undefined) throw new Error(`nobody operates ${cell.place.id}`);
    const headers: Record<string, string> =
      body instanceof Uint8Array ? { "content-type": "application/octet-stream" } : {};
    const path = `/v1/tenants/${this.tenant}/${verb}`;
    const answer = await this.#caller.sendTo(cell, operator, method, path, body, { binary, headers });
    const came = answer?.status === 200 ? "done" : reasonOf(answer);
    this.#world.note(`${this.tenant}: ${method} ${verb.slice(0, 15)} at ${cell.place.id}: ${came}`);
    return answer;
  }

  /** Until it is done, or refused for one of `ends`; null: that. */
  async #until(
    cell: SimulatedCell,
    step: readonly [string, string],
    body: Parameters<Caller["sendTo"]>[4] = null,
    ends: readonly string[] = [],
  ): Promise<Answered | null> {
    let answer: Answered | null = null;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      answer = await this.ask(cell, step, body);
      const done = answer?.status === 200 && !answer.broken;
      if (done || ends.includes(reasonOf(answer))) {
        cell.movedMs = this.#world.now();
        return done ? answer : null;
      }
      await this.#caller.pause(100, 3_000);
    }
    this.#world.violated("a move that is gone on with gets there", `${step.join(" ")}: ${answer?.text.slice(0, 300)}`);
    return null;
  }

  async leave(): Promise<void> {
    await this.#until(this.from, ["POST", "leave"], { to: this.to.place.id });
  }

  /** The archive, from as many answers as it takes; null: it was not to be had in so many. */
  async export(tries: number): Promise<Archive | null> {
    const { random } = this.#world;
    let parts: Uint8Array[] = [];
    for (let left = tries; left > 0; left--) {
      // What came may be asked for again: what stands behind it is made anew.
      if (parts.length > 0 && random.chance(0.1)) parts.pop();
      const body = { transfer_key: TRANSFER_KEY, from: parts.length };
      const made = await this.ask(this.from, ["POST", "export"], body, true);
      if (made?.status === 200) {
        this.#isFrozen();
        const { files, manifest } = await filesOf(made.bytes ?? []);
        parts.push(...files);
        this.#world.note(`${this.tenant}: ${parts.length} parts${manifest === null ? "" : ", all"}`);
        if (manifest !== null && listed(manifest) === parts.map(sha256Hex).join()) return { parts, manifest };
        // Somebody's late request made parts anew.
        if (manifest !== null) parts = [];
      } else if (reasonOf(made) === "changed") parts = [];
      await this.#caller.pause(500, 8_000);
    }
    return null;
  }

  /** Sends and writes the archive, in so many calls at most; the reason why it is refused, or null: it is not whole yet. */
  async import({ parts, manifest }: Archive, tries = TRIES_MAX): Promise<"arrived" | "exists" | null> {
    const { random } = this.#world;
    const archive = { manifest, keys: KEYS_FILE, transfer_key: TRANSFER_KEY };
    let last = "";
    for (let left = tries; left > 0; left--) {
      const answer = await this.ask(this.to, ["POST", "import"], archive);
      last = reasonOf(answer);
      const body = answer?.status === 200 && !answer.broken ? object(answer.text) : null;
      const [move] = objects(body === null ? [] : [body.move ?? null]);
      if (move?.phase === "arrived") return "arrived";
      if (last === "exists") return "exists";
      const missing = new Set(Array.isArray(body?.missing) ? body.missing : []);
      for (const part of [...parts].sort(() => random.unit() - 0.5)) {
        const sha256 = sha256Hex(part);
        if (missing.has(sha256) && random.chance(0.9)) await this.ask(this.to, ["PUT", `import/${sha256}`], part);
      }
      await this.#caller.pause(50, 2_000);
    }
    if (tries === TRIES_MAX) this.#world.violated("a move that is gone on with gets there", `import: ${last}`);
    return null;
  }

  /** The receipt of the home that gave the tenant up; null: a request that came late made another archive since. */
  async release(archive: Archive): Promise<string | null> {
    const body = { manifest: manifestDigest(archive) };
    return receiptOf(await this.#until(this.from, ["POST", "release"], body, ["not_verified"]));
  }

  /** `hasty`: while it is still imported. */
  async activate(receipt: string, hasty = false): Promise<void> {
    const { facts } = this.#caller;
    this.mayRun(this.to);
    facts.arrives(this.to.place.id, this.tenant);
    if (hasty) facts.isWritten(this.to.place.id, this.tenant);
    await this.#until(this.to, ["POST", "activate"], { receipt, keys: KEYS_FILE });
    if (hasty) facts.arrives(this.to.place.id, this.tenant);
  }

  /** Calls it off at one of both cells; where it goes on already, it is refused (false). */
  async callOff(cell: SimulatedCell): Promise<boolean> {
    if (cell === this.from) this.mayRun(cell);
    const ends = ["not_moving", "left", "404"];
    const answer = await this.#until(cell, ["DELETE", "move"], null, ends);
    return answer !== null;
  }

  /** From the first answer on that gives something of it out. */
  #isFrozen(): void {
    const now = this.#world.now();
    const known = this.#away.get(this.from);
    if (known !== undefined && known.untilMs === Number.POSITIVE_INFINITY) return;
    this.isAway(this.from, now);
  }

  /** Nothing of the tenant runs there from now on. */
  isAway(cell: SimulatedCell, fromMs: number): void {
    const fact: Acknowledged = {
      ...{ kind: "away", tenant: this.tenant, cell: cell.place.id, kid: null },
      ...{ fromMs, untilMs: Number.POSITIVE_INFINITY },
    };
    this.#away.set(cell, fact);
    this.#caller.facts.acknowledged.push(fact);
  }

  /** From the first try on it may be live there. */
  mayRun(cell: SimulatedCell): void {
    const fact = this.#away.get(cell);
    if (fact !== undefined) fact.untilMs = Math.min(fact.untilMs, this.#world.now());
  }
}

export const manifestDigest = ({ manifest }: Archive): string => sha256Hex(utf8(manifest));

export function receiptOf(answer: Answered | null): string | null {
  const receipt = answer?.status === 200 && !answer.broken ? object(answer.text)?.receipt : null;
  return typeof receipt === "string" ? receipt : null;
}

/** What came whole of an archive's files. */
async function filesOf(bytes: readonly Uint8Array[]): Promise<{ files: Uint8Array[]; manifest: string | null }> {
  const files: Uint8Array[] = [];
  const source = (async function* () {
    yield* bytes;
  })();
  for await (const file of readTar(source, () => ok(FILE_BYTES_MAX))) {
    if (!file.ok) break;
    if (file.value.name === MANIFEST) return { files, manifest: new TextDecoder().decode(file.value.bytes) };
    files.push(file.value.bytes);
  }
  return { files, manifest: null };
}
