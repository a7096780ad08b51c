const ZERO = 48;
const NINE = 57;
const isDigit = (code: number): boolean => code >= ZERO && code <= NINE;
const isAlphanumeric = (code: number): boolean => isDigit(code) || ((code | 32) >= 97 && (code | 32) <= 122);

/** Issuers by their first digits, with the lengths of their numbers, longest first. */
const ISSUERS: readonly { prefix: RegExp; lengths: readonly number[] }[] = [
  { prefix: /^4/, lengths: [19, 16, 13] },
  { prefix: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16] },
  { prefix: /^3[47]/, lengths: [15] },
  { prefix: /^3(?:0[0-5]|[689])/, lengths: [19, 18, 17, 16, 14] },
  { prefix: /^(?:6|5[0678]|35|220[0-4]|9792)/, lengths: [19, 18, 17, 16, 15, 14, 13, 12] },
];
const PREFIX_MAX = 4;
const CARD_DIGITS_MAX = 19;

/** Length of the payment card number at the start of `match`, its separators included; 0 when there is none. */
export function cardLength(match: string, next: string): number {
  const digits: number[] = [];
  const ends: number[] = [];
  for (let i = 0; i < match.length && digits.length < CARD_DIGITS_MAX; i++) {
    const code = match.charCodeAt(i);
    if (!isDigit(code)) continue;
    digits.push(code - ZERO);
    ends.push(i + 1);
  }
  const head = digits.slice(0, PREFIX_MAX).join("");
  for (const { prefix, lengths } of ISSUERS) {
    if (!prefix.test(head)) continue;
    for (const count of lengths) {
      const end = ends[count - 1];
      if (end === undefined || isDigit((match + next).charCodeAt(end)) || !luhn(digits, count)) continue;
      return end;
    }
  }
  return 0;
}

/** ISO/IEC 7812-1 annex B over the first `count` digits. */
function luhn(digits: readonly number[], count: number): boolean {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const digit = digits[count - 1 - i] ?? 0;
    const weighed = i % 2 === 0 ? digit : digit * 2;
    sum += weighed > 9 ? weighed - 9 : weighed;
  }
  return sum % 10 === 0;
}

// ISO 13616 registry: country and length of its numbers.
const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 " +
    "FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 " +
    "LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 " +
    "RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((row) => [row.slice(0, 2), Number(row.slice(2))]),
);

/** Length of the IBAN at the start of `match`, its separators included; 0 unless country, length and check digits agree. */
export function ibanLength(match: string, next: string): number {
  const count = IBAN_LENGTHS.get(match.slice(0, 2).toUpperCase());
  if (count === undefined) return 0;
  const codes: number[] = [];
  let end = 0;
  for (; end < match.length && codes.length < count; end++) {
    const code = match.charCodeAt(end);
    if (isAlphanumeric(code)) codes.push(isDigit(code) ? code - ZERO : (code | 32) - 87);
  }
  if (codes.length < count || isAlphanumeric((match + next).charCodeAt(end))) return 0;
  return mod97(codes) === 1 ? end : 0;
}

/** ISO 7064 MOD 97-10 over base 36 values, with the first four moved to the end. */
function mod97(values: readonly number[]): number {
  let remainder = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[(i + 4) % values.length] ?? 0;
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder;
}

/** An address as RFC 4291 §2.2 writes it: eight groups, or fewer around one `::`; a time of day is none. */
export function ipv6Length(match: string): number {
  const halves = match.split("::").length;
  const groups = match.split(":").filter((group) => group !== "").length;
  const whole = halves === 1 && groups === 8 && !match.startsWith(":") && !match.endsWith(":");
  return whole || (halves === 2 && groups >= 1 && groups <= 7 && /\d/.test(match)) ? match.length : 0;
}

const DATE = /^\d{1,2}([./-])\d{1,2}\1\d{4}/;
const TRUNK_DIGITS_MIN = 9;
const TRUNK_DIGITS_MAX = 12;
/**
 * Length of the national number with a trunk 0 at the start of `match`: nine to twelve digits, as many of its groups as
 * fit, since what follows may be another number. A date with a time is none.
 */
export function trunkPhoneLength(match: string): number {
  if (DATE.test(match)) return 0;
  let digits = 0;
  let length = 0;
  for (let i = 0; i < match.length; i++) {
    if (!isDigit(match.charCodeAt(i))) continue;
    digits++;
    const groupEnds = i + 1 === match.length || !isDigit(match.charCodeAt(i + 1));
    if (groupEnds && digits >= TRUNK_DIGITS_MIN && digits <= TRUNK_DIGITS_MAX) length = i + 1;
  }
  return length;
}
