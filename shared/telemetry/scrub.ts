const MASK = "[redacted]";

/** Shapes of credentials in text: our keys, provider keys, authorization values, tokens, keys in PEM, user info in URLs. */
const SECRET_SHAPES = [
  String.raw`\bbw_[0-9A-Za-z]+(?:_[0-9A-Za-z]+)*`,
  String.raw`\b(?:sk|rk|pk)-[0-9A-Za-z_-]{6,}`,
  String.raw`\b(?:ghp|gho|ghs|ghu|ghr|github_pat|xox[abprs]|glpat)[-_][0-9A-Za-z_-]{10,}`,
  String.raw`\bA(?:KIA|SIA)[0-9A-Z]{16}\b`,
  String.raw`\bAIza[0-9A-Za-z_-]{30,}`,
  String.raw`\b(?:[Bb]earer|[Bb]asic|BEARER|BASIC)\s+[0-9A-Za-z._~+/=-]+`,
  String.raw`\beyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]*)?`,
  "-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*",
  String.raw`(?<=:\/\/)[^\s\/@:]*:[^\s\/@]*(?=@)`,
  String.raw`(?<=[?&](?:api[-_]?key|key|token|access_token|sig|signature)=)[^&\s]+`,
];
const SECRETS = new RegExp(SECRET_SHAPES.join("|"), "g");

/** Replaces everything that looks like a credential. Callers bound the text: hostile text can cost its square. */
export const scrubText = (text: string): string => (text.length < 6 ? text : text.replace(SECRETS, MASK));

/** Words that name a secret wherever they stand, and words that name one or content where they end the name. */
const SECRET_WORDS = new Set([
  "authorization",
  "apikey",
  "bearer",
  "cookie",
  "cookies",
  "jwt",
  "passphrase",
  "passwd",
  "password",
  "secret",
  "secrets",
]);
const REFUSED_ENDINGS = new Set([
  "answer",
  "arguments",
  "body",
  "completion",
  "content",
  "contents",
  "credential",
  "credentials",
  "headers",
  "input",
  "inputs",
  "instructions",
  "key",
  "message",
  "messages",
  "output",
  "outputs",
  "payload",
  "prompt",
  "prompts",
  "query",
  "text",
  "token",
  "transcript",
]);

const wordsOf = (name: string): string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);

const namesSecret = (name: string): boolean => {
  const words = wordsOf(name);
  return words.some((word) => SECRET_WORDS.has(word)) || REFUSED_ENDINGS.has(words.at(-1) ?? "");
};

/** Names come from our own code, so there are few; the bound holds should one ever be made from input. */
const verdicts = new Map<string, boolean>();
const verdictsMax = 1_024;

/** True for names like `api_key`, `authorization`, `prompt` or `gen_ai.input.messages`; false for `input_tokens`. */
export function refusedName(name: string): boolean {
  let verdict = verdicts.get(name);
  if (verdict === undefined) {
    verdict = namesSecret(name);
    if (verdicts.size < verdictsMax) verdicts.set(name, verdict);
  }
  return verdict;
}
