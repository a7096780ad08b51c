import { builtinError } from "../failure.ts";
import { parseJson, toJsonText } from "../json.ts";
import type { Machine } from "../machine.ts";
import { spendText } from "../meter.ts";
import { decodeUtf8, encodeUtf8 } from "../utf8.ts";
import { compareNumbers, isNumber, numberText, OObject, type Value } from "../value.ts";
import { decodeBase64UrlLoose, encodeBase64 } from "./base64.ts";
import { toHex } from "./hashing.ts";
import { type AlgorithmName, isAlgorithm, sign, verifySignature } from "./jws.ts";
import { ALGORITHM_NAMES, type NamedKey, signingKey } from "./keys.ts";
import { any, builtin, type Family, object, string } from "./operands.ts";
import { trustedKeys } from "./trusted-keys.ts";

/** The three parts of a compact JWS (RFC 7515, 7.1). */
interface Token {
  header: OObject;
  payload: Uint8Array;
  signature: Uint8Array;
  /** What was signed. */
  input: Uint8Array;
}

function part(text: string, name: string): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase64UrlLoose(text);
  if (bytes === undefined) throw builtinError(`JWT ${name} had invalid encoding`);
  return bytes;
}

function jsonObject(bytes: Uint8Array): OObject {
  const parsed = parseJson(decodeUtf8(bytes));
  if (!parsed.ok || !(parsed.value instanceof OObject)) throw builtinError("decoded JSON is not an object");
  return parsed.value;
}

function parse(text: string): Token {
  spendText(text.length);
  const parts = text.split(".");
  const [header = "", payload = "", signature = ""] = parts;
  if (parts.length !== 3) throw builtinError(`encoded JWT must have 3 sections, found ${parts.length}`);
  const parsed = jsonObject(part(header, "header"));
  if (parsed.has("enc")) throw builtinError("JWT is a JWE object, which is not supported");
  return {
    header: parsed,
    payload: part(payload, "payload"),
    signature: part(signature, "signature"),
    input: encodeUtf8(`${header}.${payload}`),
  };
}

function headerText(header: OObject, name: string): string {
  const value = header.get(name);
  if (value !== undefined && typeof value !== "string") throw builtinError(`${name}: must be a string`);
  return value ?? "";
}

const NESTED_MAX = 8;

function decode(text: string, depth = 0): Value[] {
  const token = parse(text);
  if (headerText(token.header, "cty") === "JWT") {
    if (depth >= NESTED_MAX) throw builtinError("JWT is nested too deeply");
    return decode(decodeUtf8(token.payload).replace(/^["']+|["']+$/g, ""), depth + 1);
  }
  return [token.header, jsonObject(token.payload), toHex(token.signature)];
}

/** The key that the token names, where there is one, alone; else any key that is not for another algorithm. */
function verifiedBy(keys: readonly NamedKey[], token: Token, name: AlgorithmName): boolean {
  const id = headerText(token.header, "kid");
  const stated = headerText(token.header, "alg");
  const named = id === "" ? undefined : keys.find((key) => key.id === id);
  const candidates =
    named === undefined ? keys.filter((key) => key.algorithm === "" || key.algorithm === stated) : [named];
  return candidates.some(({ key }) => verifySignature(name, key, token.input, token.signature));
}

const verifier = (name: AlgorithmName) =>
  builtin(2, (args) => {
    const [text, trusted] = [string(args, 0), string(args, 1)];
    if (name.startsWith("HS")) {
      const token = parse(text);
      return verifySignature(name, { type: "secret", bytes: encodeUtf8(trusted) }, token.input, token.signature);
    }
    if (text.split(".").length !== 3) throw builtinError("encoded JWT must have 3 sections");
    const keys = trustedKeys(trusted);
    return verifiedBy(keys, parse(text), name);
  });

interface Constraints {
  keys: NamedKey[];
  texts: Record<"alg" | "iss" | "aud", string>;
  now_s: number;
}

function constraintsOf(given: OObject, machine: Machine): Constraints {
  const texts = { alg: "", iss: "", aud: "", secret: "", cert: "" };
  let now_ns = Number(machine.world.now_ns);
  let hasCertificate = false;
  for (const [name, value] of given.entries()) {
    if (name === "time") {
      if (!isNumber(value)) throw builtinError("token time constraint: must be a number");
      now_ns = Number(numberText(value));
      if (now_ns < 0 || !Number.isFinite(now_ns)) throw builtinError("token time constraint: must not be negative");
    } else if (typeof name === "string" && Object.hasOwn(texts, name)) {
      if (typeof value !== "string") throw builtinError(`${name} constraint: must be a string`);
      // safe because: the name was just found among the members
      texts[name as keyof typeof texts] = value;
      hasCertificate ||= name === "cert";
    } else throw builtinError("unknown token validation constraint");
  }
  if (hasCertificate && texts.secret !== "") throw builtinError("duplicate key constraints");
  if (!hasCertificate && texts.secret === "") throw builtinError("no key constraint");
  const keys: NamedKey[] = hasCertificate
    ? trustedKeys(texts.cert)
    : [{ id: "", algorithm: "", key: { type: "secret", bytes: encodeUtf8(texts.secret) } }];
  return { keys, texts, now_s: now_ns / 1e9 };
}

const KNOWN = new Set(["alg", "kid", "typ", "cty", "crit"]);

/** RFC 7515, 4.1.11: an extension that is critical and not understood makes the token invalid. */
function understood(header: OObject): boolean {
  if (headerText(header, "alg") === "") return false;
  const critical = header.get("crit");
  if (critical === undefined) return true;
  if (!Array.isArray(critical)) throw builtinError("crit: must be a list");
  if (critical.length === 0) throw builtinError("crit: must be a nonempty list");
  return !header.keys().some((name) => !KNOWN.has(String(name)) && critical.includes(name));
}

/** The innermost token of a nest, when every layer is signed by a trusted key. */
function unwrapped(text: string, constraints: Constraints, depth: number): Token | undefined {
  const token = parse(text);
  headerText(token.header, "typ");
  if (!understood(token.header)) return undefined;
  const name = headerText(token.header, "alg");
  if (constraints.texts.alg !== "" && constraints.texts.alg !== name) return undefined;
  if (!isAlgorithm(name) || !verifiedBy(constraints.keys, token, name)) return undefined;
  if (headerText(token.header, "cty").toUpperCase() !== "JWT") return token;
  if (depth >= NESTED_MAX) throw builtinError("JWT is nested too deeply");
  return unwrapped(decodeUtf8(token.payload), constraints, depth + 1);
}

function claimsHold(claims: OObject, { texts, now_s }: Constraints): boolean {
  if (texts.iss !== "" && claims.get("iss") !== texts.iss) return false;
  const audience = claims.get("aud");
  if (
    audience === undefined ? texts.aud !== "" : !(Array.isArray(audience) ? audience : [audience]).includes(texts.aud)
  )
    return false;
  const instant = (name: string): Value | undefined => {
    const value = claims.get(name);
    if (value !== undefined && !isNumber(value)) throw builtinError(`${name} value must be a number`);
    return value;
  };
  const [expiry, start] = [instant("exp"), instant("nbf")];
  if (expiry !== undefined && isNumber(expiry) && compareNumbers(now_s, expiry) >= 0) return false;
  return !(start !== undefined && isNumber(start) && compareNumbers(now_s, start) < 0);
}

function decodeVerify(args: readonly Value[], machine: Machine): Value[] {
  const constraints = constraintsOf(object(args, 1), machine);
  const token = unwrapped(string(args, 0), constraints, 0);
  const claims = token && jsonObject(token.payload);
  if (token === undefined || claims === undefined || !claimsHold(claims, constraints))
    return [false, new OObject(), new OObject()];
  return [true, token.header, claims];
}

/** Signs header and payload as they are written. */
function encodeSign(header: string, payload: string, key: Value, machine: Machine): string {
  const parsed = parseJson(header);
  if (!parsed.ok || !(parsed.value instanceof OObject)) throw builtinError("JWT header is not a JSON object");
  const signing = signingKey(key);
  const name = parsed.value.get("alg");
  if (typeof name !== "string") throw builtinError("missing or invalid 'alg' header");
  if (!isAlgorithm(name)) throw builtinError(`unknown JWS algorithm: ${name}`);
  const type = parsed.value.get("typ");
  if ((typeof type !== "string" || type === "JWT") && !parseJson(payload).ok)
    throw builtinError("type is JWT but payload is not JSON");
  const encoded = (bytes: Uint8Array): string => encodeBase64(bytes, true, false);
  const input = `${encoded(encodeUtf8(header))}.${encoded(encodeUtf8(payload))}`;
  return `${input}.${encoded(sign(name, signing, encodeUtf8(input), machine.world.random))}`;
}

function encodeSignRaw(args: readonly Value[], machine: Machine): string {
  const key = parseJson(string(args, 2));
  const [header, payload] = [string(args, 0), string(args, 1)];
  if (!key.ok) throw builtinError("failed to parse JWK");
  return encodeSign(header, payload, key.value, machine);
}

export const JWT: Family = {
  ...Object.fromEntries(ALGORITHM_NAMES.map((name) => [`io.jwt.verify_${name.toLowerCase()}`, verifier(name)])),
  "io.jwt.decode": builtin(1, (args) => decode(string(args, 0))),
  "io.jwt.decode_verify": builtin(2, decodeVerify),
  "io.jwt.encode_sign": builtin(3, (args, machine) =>
    encodeSign(toJsonText(any(args, 0)), toJsonText(any(args, 1)), any(args, 2), machine),
  ),
  "io.jwt.encode_sign_raw": builtin(3, encodeSignRaw),
};
