import { parseAddress } from "./ip-address.ts";
import { decodeQuery } from "./query.ts";

/** A URI taken apart as Go's `url.Parse` does it. */
export interface UriParts {
  scheme: string;
  opaque: string;
  user: string | undefined;
  host: string;
  hostname: string;
  port: string;
  /** Decoded. */
  path: string;
  /** As written, where decoding and encoding again would not give it back. */
  rawPath: string;
  query: string;
  /** Decoded. */
  fragment: string;
}

/** Escapes in a host stand for other alphabets only. */
const HOST = /^(?:[A-Za-z0-9._~!$&'()*+,;=:"<>[\]\u0080-\uffff-]|%[89a-fA-F][0-9a-fA-F])*$/;
const USER = /^(?:[A-Za-z0-9._:~!$&'()*+,;=@-]|%[0-9a-fA-F]{2})*$/;

/** What Go's encoder writes for a path. */
const encodedPath = (path: string): string =>
  path.replace(/[^A-Za-z0-9\-_.~$&+,/:;=@]/gu, (character) =>
    encodeURIComponent(character.toWellFormed()).replace(
      /[!'()*]/g,
      (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
    ),
  );

function authority(text: string): Pick<UriParts, "user" | "host" | "hostname" | "port"> | undefined {
  const at = text.lastIndexOf("@");
  const user = at < 0 ? undefined : text.slice(0, at);
  if (user !== undefined && !USER.test(user)) return undefined;
  const host = text.slice(at + 1);
  const bracketed = /^\[([^\]]*)\](?::(\d*))?$/.exec(host);
  if (bracketed !== null) {
    const [, hostname = "", port = ""] = bracketed;
    const address = hostname.replace(/%25.*$/, "");
    return parseAddress(address) === undefined || !address.includes(":") ? undefined : { user, host, hostname, port };
  }
  if (host.startsWith("[") || !HOST.test(host)) return undefined;
  const colon = host.lastIndexOf(":");
  const port = colon < 0 ? "" : host.slice(colon + 1);
  if (!/^\d*$/.test(port)) return undefined;
  const hostname = decodeQuery(colon < 0 ? host : host.slice(0, colon), false);
  return hostname === undefined ? undefined : { user, host, hostname, port };
}

/** Undefined: not a URI. */
export function parseUri(text: string): UriParts | undefined {
  // Go refuses control characters anywhere.
  if ([...text].some((character) => character < " " || character === "\u007f")) return undefined;
  const hash = text.indexOf("#");
  const fragment = decodeQuery(hash < 0 ? "" : text.slice(hash + 1), false);
  let rest = hash < 0 ? text : text.slice(0, hash);
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(rest)?.[1] ?? "";
  if (scheme === "" && rest.startsWith(":")) return undefined;
  if (scheme !== "") rest = rest.slice(scheme.length + 1);
  const mark = rest.indexOf("?");
  const query = mark < 0 ? "" : rest.slice(mark + 1);
  if (mark >= 0) rest = rest.slice(0, mark);
  const nothing = { user: undefined, host: "", hostname: "", port: "" };
  if (fragment === undefined) return undefined;
  const common = { scheme: scheme.toLowerCase(), query, fragment };
  if (!rest.startsWith("/") && scheme !== "") return { ...common, ...nothing, opaque: rest, path: "", rawPath: "" };
  if (!rest.startsWith("/") && /^[^/]*:/.test(rest)) return undefined;
  let parts: ReturnType<typeof authority> = nothing;
  if (rest.startsWith("//") && (scheme !== "" || !rest.startsWith("///"))) {
    const slash = rest.indexOf("/", 2);
    parts = authority(slash < 0 ? rest.slice(2) : rest.slice(2, slash));
    rest = slash < 0 ? "" : rest.slice(slash);
  }
  const path = decodeQuery(rest, false);
  if (parts === undefined || path === undefined) return undefined;
  return { ...common, ...parts, opaque: "", path, rawPath: encodedPath(path) === rest ? "" : rest };
}
