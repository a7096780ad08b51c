import { builtinError, typeError } from "../failure.ts";
import { toJsonText } from "../json.ts";
import { encodeUtf8 } from "../utf8.ts";
import { bigintOf, OObject, type Value } from "../value.ts";
import { civilTime } from "./civil-time.ts";
import { hash, mac, toHex } from "./hashing.ts";
import { builtin, type Family, number, object } from "./operands.ts";
import { parseUri } from "./uri-parts.ts";

const REQUIRED = ["aws_service", "aws_access_key", "aws_secret_access_key", "aws_region"] as const;
/** Headers that proxies change are not signed. */
const UNSIGNED = new Set(["authorization", "user-agent", "x-amzn-trace-id"]);
const REQUEST_MEMBERS = new Set(["method", "url", "headers", "body", "raw_body"]);
/** The other options that OPA's HTTP client takes; they do not enter the signature. */
const OTHER_MEMBERS =
  /^(?:enable_redirect|force_json_decode|force_yaml_decode|tls_\w+|timeout|cache\w*|force_cache\w*|caching_mode|raise_error|max_retry_attempts|proxy_url|cache_ignored_headers)$/;

function configOf(config: OObject): Record<(typeof REQUIRED)[number], string> {
  const entries = REQUIRED.map((name): [string, string] => {
    const value = config.get(name);
    if (value === undefined) throw typeError("operand 2 missing required AWS config parameters(s)");
    if (typeof value !== "string") throw typeError("operand 2 invalid values for required AWS config parameters(s)");
    return [name, value];
  });
  // safe because: every required name has just been given its value
  return Object.fromEntries(entries) as Record<(typeof REQUIRED)[number], string>;
}

function headersOf(request: OObject): Map<string, string> {
  const headers = request.get("headers");
  if (headers === undefined) return new Map();
  if (!(headers instanceof OObject)) throw typeError("headers must be object");
  return new Map(
    [...headers.entries()].map(([name, value]) => [
      typeof name === "string" ? name : "",
      typeof value === "string" ? value : "",
    ]),
  );
}

function bodyOf(request: OObject): Uint8Array {
  const [raw, body] = [request.get("raw_body"), request.get("body")];
  if (raw !== undefined) return encodeUtf8(typeof raw === "string" ? raw : "");
  return encodeUtf8(body === undefined ? "" : toJsonText(body));
}

const sha256 = (text: string): string => toHex(hash("sha256", encodeUtf8(text)));
const sign = (key: Uint8Array, text: string): Uint8Array => mac("sha256", key, encodeUtf8(text));

/** AWS Signature Version 4 over a request, at a time in nanoseconds; answers the request with its headers signed. */
function signRequest(args: readonly Value[]): OObject {
  const [request, config] = [object(args, 0), object(args, 1)];
  const names = configOf(config);
  const ns = bigintOf(number(args, 2));
  if (ns === undefined) throw typeError("operand 3 could not convert time_ns value into a unix timestamp");
  const time = civilTime(ns, "UTC");
  if (time === undefined || ns < 0n || time.year > 9999)
    throw typeError("operand 3 could not convert time_ns value into a unix timestamp");
  for (const name of request.keys()) {
    if (typeof name !== "string" || !(REQUEST_MEMBERS.has(name) || OTHER_MEMBERS.test(name)))
      throw typeError("operand 1 invalid request parameters(s)");
  }
  const [method, url] = [request.get("method"), request.get("url")];
  if (typeof method !== "string" || typeof url !== "string")
    throw typeError("operand 1 missing or invalid required request parameters(s)");
  const unsigned = config.get("disable_payload_signing") ?? false;
  if (typeof unsigned !== "boolean")
    throw typeError("operand 2 invalid value for 'disable_payload_signing' in AWS config");
  const uri = parseUri(url);
  if (uri === undefined) throw builtinError("URL cannot be parsed");

  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${String(time.year).padStart(4, "0")}${two(time.month)}${two(time.day)}`;
  const stamp = `${date}T${two(time.hour)}${two(time.minute)}${two(time.second)}Z`;
  const content = unsigned ? "UNSIGNED-PAYLOAD" : toHex(hash("sha256", bodyOf(request)));
  const added = new Map([
    ["host", uri.host],
    ["x-amz-date", stamp],
  ]);
  if (names.aws_service === "s3" || names.aws_service === "glacier") added.set("x-amz-content-sha256", content);
  const session = config.get("aws_session_token");
  if (typeof session === "string" && session !== "") added.set("x-amz-security-token", session);

  const given = headersOf(request);
  const signed = new Map(added);
  for (const [name, value] of given) if (!UNSIGNED.has(name.toLowerCase())) signed.set(name.toLowerCase(), value);
  const order = [...signed.keys()].sort();
  const list = order.join(";");
  const path = uri.rawPath === "" ? encodeURI(uri.path) : uri.rawPath;
  const canonical = [
    method,
    path,
    uri.query,
    ...order.map((name) => `${name}:${signed.get(name)}`),
    "",
    list,
    content,
  ].join("\n");
  const scope = `${date}/${names.aws_region}/${names.aws_service}/aws4_request`;
  const key = [names.aws_region, names.aws_service, "aws4_request"].reduce(
    sign,
    sign(encodeUtf8(`AWS4${names.aws_secret_access_key}`), date),
  );
  const signature = toHex(sign(key, ["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n")));

  const headers = OObject.of([
    ...given,
    [
      "Authorization",
      `AWS4-HMAC-SHA256 Credential=${names.aws_access_key}/${scope},SignedHeaders=${list},Signature=${signature}`,
    ],
    ...added,
  ]);
  const result = request.copy();
  result.set("headers", headers);
  return result;
}

export const AWS: Family = { "providers.aws.sign_req": builtin(3, signRequest) };
