import { z } from "zod";
import { PROTOCOL } from "../../durable/remote/http-protocol.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { readEdgeKey } from "../../shared/crypto/edge-token.ts";

/** `host:port`, where a host with colons stands in brackets. */
const LISTEN = /^(?:\[([0-9A-Fa-f:]+)\]|([^:[\]\s]+)):(\d{1,5})$/;

const listen = z.string().transform((text, issues) => {
  const [, six, name, port = ""] = LISTEN.exec(text) ?? [];
  const host = six ?? name;
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) };
  issues.addIssue("not an address such as 127.0.0.1:8788");
  return z.NEVER;
});

const edgeKeys = z.string().transform((text, issues) => {
  const keys = text.split(",").map(readEdgeKey);
  const good = keys.filter((key) => key !== null).map(encodeBase64url);
  if (good.length === keys.length && good.length <= LIMITS.edgeKeysMax) return good;
  issues.addIssue(`not 1 to ${LIMITS.edgeKeysMax} public Ed25519 keys in base64url, with commas between`);
  return z.NEVER;
});

/** Where a cell's objects are served to edges in other processes, and whom they trust. */
export const OBJECTS_VARIABLES = {
  BAILIWICK_OBJECTS_LISTEN: listen.optional(),
  BAILIWICK_EDGE_KEYS: edgeKeys.default(() => []),
  BAILIWICK_OBJECTS_VERSION_MAX: z.coerce.number().int().min(PROTOCOL.min).optional(),
};
