import { err, ok, type Result } from "../contracts/result.ts";
import { TILE_WIDTH } from "../crypto/log/tiles.ts";
import { chainFault, placeFault, type ReadEntry, readEntry } from "./entry.ts";
import { type Fault, fault } from "./fault.ts";

const LF = 0x0a;

/** The lines of a file; null unless each ends with LF and there is one. */
function linesOf(bytes: Uint8Array): Uint8Array[] | null {
  const lines: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(LF, at);
    if (end < 0) return null;
    lines.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return lines.length === 0 ? null : lines;
}

/** Reads the files of entries one after another and holds them against each other. */
export class EntryFiles {
  readonly #origin: string;
  #before: ReadEntry | null = null;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /**
   * The entries of the file named by `first`: canonical, at their places, chained to the ones before. With a fault come
   * those that stand before it.
   */
  read(first: number, bytes: Uint8Array): { entries: ReadEntry[]; fault: Fault | null } {
    const entries: ReadEntry[] = [];
    const placed = this.#placeFault(first);
    if (placed) return { entries, fault: placed };
    const lines = linesOf(bytes);
    if (lines === null) return { entries, fault: fault("entry_malformed", "a line does not end with LF", first) };
    if (lines.length > TILE_WIDTH - (first % TILE_WIDTH))
      return { entries, fault: fault("too_many", "a file of entries reaches over a multiple of 256", first) };
    for (const line of lines) {
      const index = first + entries.length;
      const entry = this.#next(index, line);
      if (!entry.ok) return { entries, fault: entry.error };
      entries.push(entry.value);
      this.#before = entry.value;
    }
    return { entries, fault: null };
  }

  #placeFault(first: number): Fault | null {
    if (this.#before === null) return null;
    const next = this.#before.seq + 1;
    if (first > next) return fault("gap", `the entries ${next} to ${first - 1} are not there`, next);
    if (first < next) return fault("order", `a file of entries begins at ${first} again`, first);
    return first % TILE_WIDTH === 0 ? null : fault("order", `a file of entries begins at ${first}`, first);
  }

  #next(index: number, line: Uint8Array): Result<ReadEntry, Fault> {
    const entry = readEntry(line, index);
    if (!entry.ok) return entry;
    const { seq } = entry.value;
    if (seq > index) return err(fault("gap", `the entries ${index} to ${seq - 1} are not there`, index));
    const wrong = placeFault(entry.value, index, this.#origin) ?? chainFault(this.#before, entry.value);
    return wrong ? err(wrong) : ok(entry.value);
  }
}
