import { JURISDICTIONS } from "../../shared/contracts/cell-directory.ts";

/**
 * The parts of a cell that keep or receive something, by the names that `BAILIWICK_RESIDENCY` has for them. `disk` holds
 * durable objects, queue, keys, and whatever else has no place of its own; `engines` are checked with the configuration.
 * Durable objects of the deployed platform are placed by it, in the cell's jurisdiction or not at all.
 */
export const PLACES = {
  disk: "the disk of the home",
  database: "the control database",
  bucket: "the bucket of archive and objects",
  queue: "the queues of the pools",
  keys: "the secrets that keys derive from, and the signing keys",
  limiter: "the pre-authentication limiter",
  telemetry: "the collector of traces and metrics",
  engines: "engines that are called local",
} as const;
export type Place = keyof typeof PLACES;

/** Where a part lies, and where the configuration says so. */
export interface Declared {
  place: Place;
  /** Null: nobody said. */
  jurisdiction: string | null;
}

/** Something lies outside the cell's jurisdiction, or nobody said where; the message is one line for the operator. */
export class OutsideJurisdiction extends Error {
  override readonly name = "OutsideJurisdiction";
}

export type Residency = Readonly<Partial<Record<Place, string>>>;

/** `disk=eu database=eu`: null for a place that is not known, a jurisdiction that is not known, or one said twice. */
export function parseResidency(text: string): Residency | null {
  const said = new Map<string, string>();
  for (const word of text.split(/[\s,]+/).filter((part) => part !== "")) {
    const [place = "", jurisdiction = "", ...rest] = word.split("=");
    const known = Object.hasOwn(PLACES, place) && JURISDICTIONS.some((name) => name === jurisdiction);
    if (!known || rest.length > 0 || said.has(place)) return null;
    said.set(place, jurisdiction);
  }
  return Object.fromEntries(said);
}

/**
 * Where each part that is in use lies. In `local` everything is local unless something else is said; in every other
 * jurisdiction what nobody said is not known, and stays so.
 */
export const declared = (jurisdiction: string, said: Residency, inUse: readonly Place[]): Declared[] =>
  inUse.map((place) => ({ place, jurisdiction: said[place] ?? (jurisdiction === "local" ? "local" : null) }));

/** Where engines lie that do not say it themselves; null when nobody said. */
export const enginesLie = (jurisdiction: string, said: Residency): string | null =>
  declared(jurisdiction, said, ["engines"])[0]?.jurisdiction ?? null;

/** Throws `OutsideJurisdiction`, naming every part, unless all lie where the cell does. */
export function requireResidency(cell: { id: string; jurisdiction: string }, parts: readonly Declared[]): void {
  const wrong = parts.flatMap(({ place, jurisdiction }) => {
    if (jurisdiction === cell.jurisdiction) return [];
    const what = `${place} (${PLACES[place]})`;
    return [
      jurisdiction === null ? `BAILIWICK_RESIDENCY does not place ${what}` : `it places ${what} in ${jurisdiction}`,
    ];
  });
  if (wrong.length > 0)
    throw new OutsideJurisdiction(`the cell ${cell.id} is of ${cell.jurisdiction}: ${wrong.join("; ")}`);
}

/**
 * Throws `OutsideJurisdiction` when one of AWS's regions denies what is said of a part in it: their names begin with where
 * they are. `region` null: another server's, whose regions are names without a meaning.
 */
export function requireRegion(place: Place, jurisdiction: string, region: string | null): void {
  if (jurisdiction === "local" || region === null || !/^(?:eu|us)-/.test(region)) return;
  if (region.startsWith("eu-") !== (jurisdiction === "eu"))
    throw new OutsideJurisdiction(
      `BAILIWICK_RESIDENCY places ${place} in ${jurisdiction}, but its region is ${region}`,
    );
}
