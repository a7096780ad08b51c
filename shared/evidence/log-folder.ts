import { LIMITS } from "../contracts/limits.ts";
import { encodeBase64 } from "../crypto/log/base64.ts";
import { TILE_WIDTH } from "../crypto/log/tiles.ts";
import { chainFault, placeFault, type ReadEntry, readEntry } from "./entry.ts";
import { type HeldCheckpoint, holdCheckpoint, signingFault, treeFault } from "./export-checkpoints.ts";
import { type Fault, fault, shown } from "./fault.ts";
import { type LogReader, readBundle, readTile } from "./log-reader.ts";
import { LogTree } from "./log-tree.ts";
import { openOwnCheckpoint } from "./own-checkpoint.ts";
import { Findings, type Report, type Step } from "./report.ts";
import { openCheckpoint, readCheckpoint, type SignedCheckpoint } from "./signed-checkpoint.ts";
import type { Trust } from "./trust.ts";

const CHECKS = ["checkpoint", "entries", "tiles", "root", "archived checkpoints", "own checkpoint"] as const;
/** Checkpoint envelopes hold one short text and a few signatures of 4.4 KB. */
const ENVELOPE_BYTES_MAX = 128 * 1024;

/**
 * Verifies a log's whole archive: every entry and tile up to its newest checkpoint, and that every archived checkpoint is
 * of the same tree. Memory for one tile a level, and the sizes of the archived checkpoints. The newest checkpoint is the
 * largest that is archived: `checkpoint` may be older for as long as a publication takes.
 */
export async function verifyLogFolder(log: LogReader, trust: Trust): Promise<Report> {
  const fsck = new Fsck(log, trust);
  await fsck.run();
  return fsck.findings.report("log archive", false);
}

const named = (size: number): string => `checkpoint-history/${String(size).padStart(16, "0")}`;

class Fsck {
  readonly findings = new Findings(CHECKS, ["own checkpoint"]);
  readonly #log: LogReader;
  readonly #trust: Trust;
  readonly #tree: LogTree;
  #before: ReadEntry | null = null;
  /** Archived checkpoints whose newest entry has passed by, by what a compromised key left unproven. */
  readonly #excusable: { size: number; fault: Fault }[] = [];
  #compared = 0;
  /** The largest size at which a good checkpoint is of this tree. */
  #proven = -1;
  #own: SignedCheckpoint | null = null;

  constructor(log: LogReader, trust: Trust) {
    this.#log = log;
    this.#trust = trust;
    this.#tree = new LogTree((tile) => readTile(log, tile));
  }

  async run(): Promise<void> {
    const { findings } = this;
    const note = await this.#log.read("checkpoint", LIMITS.noteBytesMax);
    const current = note === null ? null : readCheckpoint(note);
    if (note === null || current === null) {
      const reason = note === null ? "file_missing" : "checkpoint_malformed";
      findings.fail("checkpoint", fault(reason, "`checkpoint` is not a checkpoint in a signed note"));
      return;
    }
    const signed = this.#trust.keys === null ? null : openCheckpoint(note, null, this.#trust.keys);
    if (signed && !signed.ok) {
      findings.fail("checkpoint", signed.error);
      return;
    }
    const names = await this.#log.list("checkpoint-history");
    const sizes = names.filter((name) => /^\d{16}$/.test(name)).map(Number);
    if (sizes.length > LIMITS.verifyArchivedMax) {
      findings.fail("archived checkpoints", fault("too_many", "there are more checkpoints than can be held"));
      return;
    }
    sizes.sort((a, b) => a - b);
    const newest = await this.#held(Math.max(current.size, sizes.at(-1) ?? 0));
    if ("fault" in newest) {
      findings.set("checkpoint", newest);
      return;
    }
    const { head } = newest;
    if (head.origin !== current.origin) {
      findings.fail("checkpoint", fault("origin_differs", `\`checkpoint\` is of ${shown(current.origin)}`));
      return;
    }
    const own = this.#openOwn(head);
    findings.set("own checkpoint", own);
    /** What must be of the tree at its size, beside the archived checkpoints. */
    const also = [current, ...(this.#own && "ok" in own ? [this.#own] : [])].sort((a, b) => a.size - b.size);
    if (!(await this.#walk(head, sizes, also))) return;
    const wrong = treeFault(head, this.#tree.root());
    findings.set("root", wrong ? { fault: wrong } : { ok: encodeBase64(head.root) });
    if (!wrong) this.#conclude(head, current.size);
  }

  async #held(size: number): Promise<{ head: HeldCheckpoint } | { fault: Fault }> {
    const path = named(size);
    const note = await this.#log.read(path, LIMITS.noteBytesMax);
    const envelope = await this.#log.read(`${path}.dsse.json`, ENVELOPE_BYTES_MAX);
    if (note === null) return { fault: fault("file_missing", `${path} is missing`) };
    if (envelope === null) return { fault: fault("file_missing", `${path}.dsse.json is missing`) };
    const head = holdCheckpoint(note, envelope, this.#trust.keys);
    if (head === null) return { fault: fault("checkpoint_malformed", `${path} is no checkpoint in a signed note`) };
    if (head.size !== size) return { fault: fault("size_differs", `${path} is at size ${head.size}`) };
    return { head };
  }

  #openOwn(head: HeldCheckpoint): Step {
    if (this.#trust.checkpoint === null) return { skipped: "none was given (--checkpoint)" };
    if (this.#trust.keys === null) return { skipped: "no keys were given (--keys)" };
    const own = openOwnCheckpoint(this.#trust.checkpoint, this.#trust.keys);
    if (!own.ok) return { fault: own.error };
    const { origin, size } = own.value;
    if (origin !== head.origin) return { fault: fault("origin_differs", `yours is of ${shown(origin)}`) };
    if (size > head.size)
      return { fault: fault("size_differs", `the archive ends at ${head.size}, yours is at ${size}`, head.size) };
    this.#own = own.value;
    return { ok: `yours, at size ${size}, is of the same tree` };
  }

  /** Reads every entry and tile; false once one is wrong. */
  async #walk(head: HeldCheckpoint, sizes: readonly number[], also: { size: number; root: Uint8Array }[]) {
    const { findings } = this;
    if (!(await this.#compareHere(head.origin, sizes, also))) return false;
    for (let n = 0; n * TILE_WIDTH < head.size; n++) {
      const bundle = await readBundle(this.#log, n, Math.min(TILE_WIDTH, head.size - n * TILE_WIDTH));
      if (!bundle.ok) {
        findings.fail("entries", bundle.error);
        return false;
      }
      for (const bytes of bundle.value) {
        const index = this.#tree.size;
        const entry = readEntry(bytes, index);
        const wrong = entry.ok
          ? (placeFault(entry.value, index, head.origin) ?? chainFault(this.#before, entry.value))
          : entry.error;
        if (wrong || !entry.ok) {
          findings.fail("entries", wrong ?? fault("entry_malformed", "no entry", index));
          await this.#peek(head.size);
          return false;
        }
        this.#before = entry.value;
        const misplaced = await this.#tree.add(entry.value.leaf);
        if (misplaced) findings.fail("tiles", misplaced);
        if (misplaced) return false;
        if (await this.#compareHere(head.origin, sizes, also)) continue;
        await this.#peek(head.size);
        return false;
      }
    }
    const wrong = await this.#tree.close();
    if (wrong) findings.fail("tiles", wrong);
    findings.set("entries", { ok: `${head.size} in order and linked` });
    findings.set("tiles", { ok: `every tile is what the entries make, number of tiles ${this.#tree.tiles}` });
    return wrong === null;
  }

  /** An entry that was altered shows in its tile first, in the chain one later, and in checkpoints only afterwards. */
  async #peek(size: number): Promise<void> {
    const first = Math.floor(this.#tree.size / TILE_WIDTH) * TILE_WIDTH;
    const earlier = await this.#tree.peek(Math.min(TILE_WIDTH, size - first));
    if (earlier) this.findings.fail("tiles", earlier);
  }

  /** Holds the tree as it is now against every checkpoint of this size. */
  async #compareHere(origin: string, sizes: readonly number[], also: { size: number; root: Uint8Array }[]) {
    const { findings } = this;
    const size = this.#tree.size;
    while (also[0]?.size === size) {
      const next = also.shift();
      const wrong = next && treeFault({ ...next, origin, extensions: [] }, this.#tree.root());
      if (wrong) findings.fail(next === this.#own ? "own checkpoint" : "checkpoint", wrong);
    }
    if (sizes[this.#compared] !== size) return true;
    this.#compared++;
    const held = await this.#held(size);
    const wrong = "fault" in held ? held.fault : this.#archivedFault(held.head, origin);
    if (wrong) findings.fail("archived checkpoints", wrong);
    return wrong === null;
  }

  #archivedFault(head: HeldCheckpoint, origin: string): Fault | null {
    if (head.origin !== origin) return fault("origin_differs", `that at ${head.size} is of ${shown(head.origin)}`);
    head.newestMs = this.#before?.atMs ?? null;
    const forked = treeFault(head, this.#tree.root());
    if (forked) return forked;
    const bad = signingFault(head, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
    if (bad === null) {
      if (head.signed !== null) this.#proven = head.size;
      return null;
    }
    const told = { ...bad, detail: `at size ${head.size}: ${bad.detail}` };
    if (bad.reason !== "key_compromised") return told;
    this.#excusable.push({ size: head.size, fault: told });
    return null;
  }

  /** The newest checkpoint is among the archived ones, so all that is left is what compromised keys signed. */
  #conclude(head: HeldCheckpoint, currentSize: number): void {
    const { findings } = this;
    if (this.#own && !findings.failed("own checkpoint")) this.#proven = Math.max(this.#proven, this.#own.size);
    const unproven = this.#excusable.filter(({ size }) => size > this.#proven);
    if (this.#trust.keys === null) {
      const none = { skipped: "no keys were given (--keys)" };
      findings.set("checkpoint", none);
      findings.set("archived checkpoints", none);
      return;
    }
    for (const { size, fault: compromised } of unproven)
      findings.fail(size === head.size ? "checkpoint" : "archived checkpoints", compromised);
    const older = currentSize < head.size ? `; \`checkpoint\` is older, at ${currentSize}` : "";
    findings.set("checkpoint", { ok: `${shown(head.origin)} at size ${head.size}${older}` });
    findings.set("archived checkpoints", { ok: `all of the same tree, number ${this.#compared}` });
  }
}
