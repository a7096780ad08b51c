import { spend } from "../meter.ts";

/** Where a zone stands at one instant. */
export interface ZoneOffset {
  seconds: number;
  /** The abbreviation where the runtime knows one, else the offset as Go writes it (`+03`). */
  name: string;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();
const ZONES_KEPT = 64;

/** Undefined: the runtime's time zone data has no such zone. */
function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  const known = FORMATS.get(zone);
  if (known !== undefined) return known;
  // Offsets are no names in Go's data.
  if (/^[+-]/.test(zone)) return undefined;
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      timeZoneName: "short",
    });
    if (FORMATS.size >= ZONES_KEPT) FORMATS.clear();
    FORMATS.set(zone, format);
    return format;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What the runtime's English leaves out: abbreviations of zones outside America, by offset and region. */
const ABBREVIATIONS: readonly [zones: RegExp, names: Record<number, string>][] = [
  [/^Europe\/(?:London|Belfast|Guernsey|Isle_of_Man|Jersey)$|^GB/, { 0: "GMT", 3600: "BST" }],
  [/^Europe\/Dublin$|^Eire$/, { 0: "GMT", 3600: "IST" }],
  [/^(?:Europe\/Lisbon|Atlantic\/(?:Madeira|Canary|Faroe|Faeroe)|WET|Portugal)$/, { 0: "WET", 3600: "WEST" }],
  [
    /^Europe\/(?:Athens|Bucharest|Chisinau|Helsinki|Kiev|Kyiv|Mariehamn|Riga|Sofia|Tallinn|Vilnius)$|^Asia\/(?:Nicosia|Beirut)$|^EET$/,
    { 7200: "EET", 10800: "EEST" },
  ],
  [/^Europe\/(?:Moscow|Simferopol|Kirov|Volgograd)$|^W-SU$/, { 10800: "MSK" }],
  [/^Europe\/|^(?:CET|MET|Poland)$|^Arctic\/|^Africa\/(?:Ceuta|Algiers|Tunis)$/, { 3600: "CET", 7200: "CEST" }],
  [/^Asia\/Tokyo$|^Japan$/, { 32400: "JST" }],
  [/^Asia\/Seoul$|^ROK$/, { 32400: "KST" }],
  [/^Asia\/(?:Shanghai|Taipei|Macau)$|^PRC$/, { 28800: "CST" }],
  [/^Asia\/Hong_Kong$|^Hongkong$/, { 28800: "HKT" }],
  [/^Asia\/(?:Kolkata|Calcutta)$/, { 19800: "IST" }],
  [/^Asia\/(?:Jerusalem|Tel_Aviv)$|^Israel$/, { 7200: "IST", 10800: "IDT" }],
  [/^Australia\/(?:Sydney|Melbourne|Hobart|Brisbane|Canberra)$/, { 36000: "AEST", 39600: "AEDT" }],
  [/^Australia\/(?:Adelaide|Darwin|Broken_Hill)$/, { 34200: "ACST", 37800: "ACDT" }],
  [/^Australia\/Perth$/, { 28800: "AWST" }],
  [/^Pacific\/Auckland$|^NZ$/, { 43200: "NZST", 46800: "NZDT" }],
  [/^Africa\/(?:Johannesburg|Maseru)$/, { 7200: "SAST" }],
  [/^Africa\/(?:Cairo|Tripoli)$|^Egypt$/, { 7200: "EET", 10800: "EEST" }],
  [/^Africa\/(?:Lagos|Kinshasa)$/, { 3600: "WAT" }],
  [/^Africa\/(?:Nairobi|Addis_Ababa|Kampala)$/, { 10800: "EAT" }],
];

export const offsetName = (seconds: number): string => {
  const minutes = Math.floor(Math.abs(seconds) / 60);
  const [hour, minute] = [String(Math.floor(minutes / 60)).padStart(2, "0"), minutes % 60];
  return `${seconds < 0 ? "-" : "+"}${hour}${minute === 0 ? "" : String(minute).padStart(2, "0")}`;
};

function nameOf(zone: string, seconds: number, shown: string): string {
  const known = ABBREVIATIONS.find(([zones]) => zones.test(zone))?.[1][seconds];
  if (known !== undefined) return known;
  return /^(?:GMT|UTC)[+-]/.test(shown) ? offsetName(seconds) : shown;
}

/** The zone's offset at an instant (whole seconds since 1970); undefined for an unknown zone. */
export function zoneOffset(zone: string, unixSeconds: number): ZoneOffset | undefined {
  const format = formatOf(zone);
  if (format === undefined) return undefined;
  spend(32);
  const parts = new Map(format.formatToParts(unixSeconds * 1000).map(({ type, value }) => [type, value]));
  const at = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
  const year = parts.get("era")?.startsWith("B") === true ? 1 - at("year") : at("year");
  const local = Date.UTC(2000, at("month") - 1, at("day"), at("hour"), at("minute"), at("second"));
  const shifted = new Date(local);
  shifted.setUTCFullYear(year, at("month") - 1, at("day"));
  const seconds = shifted.getTime() / 1000 - unixSeconds;
  return { seconds, name: nameOf(zone, seconds, parts.get("timeZoneName") ?? "") };
}
