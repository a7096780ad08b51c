/** Shapes of credentials that providers publish for secret scanners, and of private keys and tokens. */
const SHAPES: readonly RegExp[] = [
  /\b[spr]k-[A-Za-z0-9_-]{16,}/,
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{20,}/,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/,
  /\bxox[abeprs]-[A-Za-z0-9-]{10,}/,
  /\bhf_[A-Za-z0-9]{20,}/,
  /\bAIza[0-9A-Za-z_-]{30,}/,
  /\bbw_[a-z][a-z0-9]{0,15}_[0-9A-Za-z]{1,32}_[0-9A-Za-z_]{20,}/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\./,
  /\bBearer\s+[A-Za-z0-9._~+/-]{16,}/i,
];

export const looksLikeSecret = (text: string): boolean => SHAPES.some((shape) => shape.test(text));

/** The text with whatever looks like a secret replaced; for messages and paths. */
export const withoutSecrets = (text: string): string =>
  SHAPES.reduce((clean, shape) => clean.replace(new RegExp(shape.source, `${shape.flags}g`), "[redacted]"), text);
