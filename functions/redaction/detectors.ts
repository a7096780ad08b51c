import type { Detector } from "./detector.ts";
import { looksRandom } from "./entropy.ts";
import { cardLength, ibanLength, ipv6Length, trunkPhoneLength } from "./number-checks.ts";

const random = (match: string): number => (looksRandom(match) ? match.length : 0);
/** The value after `Bearer ` and the like. */
const randomCredential = (match: string): number => (looksRandom(match.replace(/^\S+\s+/, "")) ? match.length : 0);

const LABEL = String.raw`\\?["']?[ \t]{0,4}(?::|=>?)[ \t]{0,4}`;
const NOT_PLACEHOLDER = String.raw`(?!\[[a-z0-9-]{1,32}\])`;
const PASSWORD = "pass(?:word|wd|phrase|code)|pwd";
const SECRET =
  "secret|token|(?:api|access|private|secret|account|shared|signing)[ _-]?key|credentials?|authorization|auth|connection[ _-]?string";
/** What stands after `name=` or `"name": `, up to its quote, or up to a blank when there is none. */
const assigned = (names: string): RegExp =>
  new RegExp(
    String.raw`(?<=(?:${names})${LABEL}\\?(["']))${NOT_PLACEHOLDER}(?:(?!\1)[^\n])+|` +
      String.raw`(?<=(?:${names})${LABEL})(?!["'\\])${NOT_PLACEHOLDER}[^\s"'<>,;&]+`,
    "gi",
  );

/**
 * In the order in which they run: what may hold others comes first (a key block holds everything, a card's digits look
 * like a phone number). Text that hides on purpose (spelled out, split over parts, encoded) is not found.
 */
export const DETECTORS: readonly Detector[] = [
  {
    id: "private-key",
    pattern:
      /-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----|$)/g,
  },
  // Nobody can look into what is encoded: it goes as a whole.
  { id: "data-url", pattern: /(?<![A-Za-z0-9])data:[\w.+/-]{0,100}(?:;[\w.+=-]{0,100}){0,4};base64,[\w+/=%-]*/gi },
  { id: "jwt", pattern: /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{4,}(?:\.[\w-]*){0,3}/g },
  {
    id: "bearer",
    pattern: /(?<![A-Za-z0-9])(?:bearer|basic|apikey|dpop)\s{1,8}[\w.~+/=-]{8,}/gi,
    length: randomCredential,
  },
  { id: "aws-key", pattern: /(?<![A-Za-z0-9])A(?:KIA|SIA|ROA|IDA|GPA|NPA|NVA|BIA|CCA)[A-Z0-9]{16,}/g },
  { id: "api-key", pattern: /(?<![A-Za-z0-9])sk-[\w-]{8,}/g, length: random },
  { id: "api-key", pattern: /(?<![A-Za-z0-9])bw_[0-9A-Za-z_]{12,}/g },
  { id: "api-key", pattern: /(?<![A-Za-z0-9])(?:sk|pk|rk|whsec)_(?:(?:live|test)_)?[0-9A-Za-z]{16,}/g },
  {
    id: "api-key",
    pattern:
      /(?<![A-Za-z0-9])(?:gh[oprsu]_[0-9A-Za-z]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|AIza[\w-]{30,}|(?:hf|npm|dop_v1|pypi|gsk|xai)[_-][\w-]{20,}|SG\.[\w-]{16,64}\.[\w-]{16,})/g,
  },
  { id: "secret", pattern: assigned(PASSWORD) },
  { id: "secret", pattern: assigned(SECRET), length: random },
  // User and password in a URL.
  { id: "secret", pattern: /(?<=:\/\/)[^\s/@:"'<>]*:[^\s/@"'<>]+(?=@)/g },
  {
    id: "email",
    pattern:
      /(?<![\p{L}\p{N}._%+~-])[\p{L}\p{N}._%+~-]+(?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.[\p{L}\p{N}-]{2,}/gu,
  },
  {
    id: "iban",
    pattern: /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ \u00a0\u202f-]?[A-Z0-9]){11,32}/gi,
    length: ibanLength,
  },
  { id: "card", pattern: /(?<!\d)[2-69](?:[ \u00a0\u202f.-]?\d){11,18}/g, length: cardLength },
  {
    id: "ssn",
    pattern: /(?<![\d-])(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])/g,
  },
  { id: "ssn", pattern: /(?<=(?:ssn|social security)[^\d\n]{0,24})(?!000|666|9)\d{9}(?!\d)/gi },
  {
    id: "ip",
    pattern: /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?!\d|\.\d)/g,
  },
  {
    id: "ip",
    pattern: /(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])/g,
    length: ipv6Length,
  },
  // ITU-T E.164 with its plus or an international prefix.
  { id: "phone", pattern: /(?<![\w+])(?:\+|00)[1-9](?:[ ().\u00a0\u202f/-]{0,3}\d){6,14}(?!\d)/g },
  // North America, with or without separators.
  {
    id: "phone",
    pattern: /(?<![\w.-])(?:1[ .-])?(?:\([2-9]\d{2}\)|[2-9]\d{2})[ .\u00a0-]{0,2}[2-9]\d{2}[ .\u00a0-]?\d{4}(?!\w)/g,
  },
  // Elsewhere, with the trunk prefix 0.
  {
    id: "phone",
    pattern: /(?<![\w.,:])(?:\(0[1-9]\d{0,4}\)|0[1-9]\d{0,4})(?:[ .\u00a0\u202f/-]{0,2}\d){5,10}(?!\w)/g,
    length: trunkPhoneLength,
  },
];
