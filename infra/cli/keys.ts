import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import {
  formatKeyDocument,
  inForceAt,
  type KeyPair,
  newestFirst,
  parseKeyDocument,
} from "../../functions/adapters/signer/key-document.ts";
import {
  KeyFileChanged,
  readKeyFile,
  SIGNING_KEYS_FILE,
  writeKeyFile,
} from "../../functions/adapters/signer/key-file.ts";
import { firstPair } from "../../functions/adapters/signer/new-pair.ts";
import { type PublicPair, publicPair } from "../../functions/adapters/signer/public-keys.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { REVOCATION_REASONS, SignerUnavailable } from "../../shared/contracts/ports/signer.ts";
import { ROOT } from "../local/command.mjs";
import { EXIT, Refused, type Run, type Terminal, Usage } from "./command.ts";
import { forgotten, OVERLAP_MS_MIN, retired, revoked, rotated } from "./key-changes.ts";

const INDENT = 2;
const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const OVERLAP_MS_MAX = 366 * UNIT_MS.d;

/** Where a key document is read and where a changed one goes. */
interface Place {
  /** Null: there is none yet. */
  text: string | null;
  /** Whether a first pair may be made here; a cell makes its own. */
  empty: "makes" | "refuses";
  write(text: string): void;
}

/** `npx bailiwick keys …`: the signing keys of a home, or of a key document that is kept elsewhere. */
export const keys: Run = async (words, terminal) => {
  const { values, positionals } = parsed(words);
  const [verb = "", kid, ...more] = positionals;
  if (more.length > 0) throw new Usage(`${more[0]} is one word too many`);
  const takesKid = ["retire", "revoke", "forget"].includes(verb);
  if (!takesKid && verb !== "list" && verb !== "rotate") throw new Usage(`no such change of keys: ${verb || "none"}`);
  if (takesKid !== (kid !== undefined)) throw new Usage(takesKid ? `${verb} needs a KID` : `${verb} takes no KID`);
  if ((values.reason !== undefined) !== (verb === "revoke")) throw new Usage("--reason goes with revoke, and must");
  if (values.overlap !== undefined && verb !== "rotate") throw new Usage("--overlap goes with rotate");
  if (values.home !== undefined && values.document !== undefined) throw new Usage("--home or --document, not both");
  const reason = REVOCATION_REASONS.find((known) => known === values.reason);
  if (verb === "revoke" && reason === undefined) throw new Usage(`--reason is one of ${REVOCATION_REASONS.join(", ")}`);
  const overlapMs = overlapOf(values.overlap ?? "7d");

  const place =
    values.document === undefined ? homePlace(values.home, terminal) : await documentPlace(values.document, terminal);
  const now = Date.now() as UnixMs; // safe because: the wall clock
  const pairs = pairsOf(place.text);
  if (pairs === null) {
    if (place.empty === "refuses")
      throw new Refused("there are no signing keys yet; the cell makes them when it starts");
    if (verb !== "rotate") throw new Refused("the document is empty; `rotate` makes its first pair");
    return change(place, [firstPair(now)], now, terminal);
  }
  const named = new Map(pairs.map((pair) => [pair, publicPair(pair)]));
  if (verb === "list") {
    terminal.out(table(named, now));
    return EXIT.done;
  }
  if (verb === "rotate") return change(place, rotated(pairs, now, overlapMs), now, terminal);
  const pair = pairWith(named, kid ?? "");
  switch (verb) {
    case "retire":
      return change(place, retired(pairs, pair, now), now, terminal);
    case "revoke":
      return change(place, revoked(pairs, pair, now, reason ?? "compromised"), now, terminal);
    default:
      return change(place, forgotten(pairs, pair, now), now, terminal);
  }
};

function parsed(words: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { home: text, document: text, overlap: text, reason: text },
    });
  } catch (cause) {
    // `parseArgs` throws for nothing but the words.
    throw new Usage(cause instanceof Error ? cause.message : String(cause));
  }
}

function overlapOf(text: string): number {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit as keyof typeof UNIT_MS] ?? Number.NaN); // safe because: an unknown unit is caught
  if (ms >= OVERLAP_MS_MIN && ms <= OVERLAP_MS_MAX) return ms;
  throw new Usage("--overlap is from 1h to 366d, as in 90m, 12h or 7d");
}

function homePlace(given: string | undefined, { variable }: Terminal): Place {
  const home = resolve(given ?? variable("BAILIWICK_HOME") ?? join(ROOT, ".bailiwick"));
  if (!existsSync(home)) throw new Refused(`there is no home ${home}`);
  const path = join(home, SIGNING_KEYS_FILE);
  const text = refusing(() => readKeyFile(path));
  return { text, empty: "refuses", write: (fresh) => refusing(() => writeKeyFile(path, text, fresh)) };
}

async function documentPlace(name: string, terminal: Terminal): Promise<Place> {
  const text =
    name === "-" ? await terminal.input(LIMITS.signingKeysBytesMax) : refusing(() => readFileSync(name, "utf8"));
  return { text: text.trim() === "" ? null : text, empty: "makes", write: (fresh) => terminal.out(fresh) };
}

/** What the file system or somebody else's change forbids, as one line. */
function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof KeyFileChanged) throw new Refused(`${cause.message}; run this again`);
    if (cause instanceof SignerUnavailable || (cause instanceof Error && "code" in cause))
      throw new Refused(cause.message);
    throw cause;
  }
}

function pairsOf(text: string | null): KeyPair[] | null {
  if (text === null) return null;
  const document = parseKeyDocument(text);
  if (document.ok) return document.value;
  throw new Refused(`the keys cannot be read: ${document.error.field}: ${document.error.problem}`);
}

function pairWith(named: ReadonlyMap<KeyPair, PublicPair>, kid: string): KeyPair {
  for (const [pair, { ed25519, mldsa65 }] of named) if ([pair.id, ed25519.kid, mldsa65.kid].includes(kid)) return pair;
  throw new Refused(`no pair and no key is called ${kid}; \`keys list\` names them`);
}

/** Writes what changed, if a cell can read it, and shows it. */
function change(place: Place, pairs: readonly KeyPair[], now: UnixMs, { err }: Terminal): number {
  const indent = place.empty === "refuses" ? INDENT : undefined;
  const text = formatKeyDocument(pairs, indent);
  const read = parseKeyDocument(text);
  if (!read.ok) throw new Refused(`that makes no key document: ${read.error.field}: ${read.error.problem}`);
  place.write(text);
  err(table(new Map(pairs.map((pair) => [pair, publicPair(pair)])), now));
  if (inForceAt(pairs, now).length === 0)
    err("No pair is in force: nothing is published and no evidence is signed until `keys rotate`.\n");
  return EXIT.done;
}

const time = (ms: number | null): string => (ms === null ? "-" : new Date(ms).toISOString());

function stateOf(pair: KeyPair, now: number): string {
  if (pair.revoked !== null) return `revoked (${pair.revoked.reason})`;
  if (now < pair.notBeforeMs) return "not yet in force";
  return pair.notAfterMs !== null && pair.notAfterMs <= now ? "ended" : "in force";
}

/** Newest first; thumbprints as the keys document has them. */
function table(named: ReadonlyMap<KeyPair, PublicPair>, now: number): string {
  const rows = [["PAIR", "STATE", "FROM", "UNTIL", "ED25519 KID", "ML-DSA-65 KID"]];
  for (const pair of newestFirst([...named.keys()])) {
    const keys = named.get(pair);
    const until = pair.revoked?.at_ms ?? pair.notAfterMs;
    rows.push([
      pair.id,
      stateOf(pair, now),
      time(pair.notBeforeMs),
      time(until),
      keys?.ed25519.kid ?? "",
      keys?.mldsa65.kid ?? "",
    ]);
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
