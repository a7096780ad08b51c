/** RFC 9110 §7.6.1: of this connection alone; `host` and `content-length` are made anew for the next one. */
const OF_THE_HOP: ReadonlySet<string> = new Set([
  // RFC 6455 §11.3: each of two sockets shakes hands by itself. What was offered for it is passed on by name.
  ...["key", "version", "extensions", "accept", "protocol"].map((name) => `sec-websocket-${name}`),
  ...["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"],
  ...["transfer-encoding", "upgrade", "expect", "host", "content-length"],
]);
/** What a caller or a platform in front claims about where the call comes from: the signed header says that. */
const CLAIMED = /^(?:x-forwarded-|forwarded$|x-real-ip$|true-client-ip$|x-bailiwick-forwarded$|cf-|cdn-loop$)/;

const named = (headers: Headers): ReadonlySet<string> =>
  new Set((headers.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase()));

/** The caller's headers as the cell gets them. An answer that is compressed could not be passed on byte by byte. */
export function requestHeaders(from: Headers, forwarding: { name: string; value: string }): Headers {
  const hop = named(from);
  const headers = new Headers();
  for (const [name, value] of from)
    if (!OF_THE_HOP.has(name) && !hop.has(name) && !CLAIMED.test(name)) headers.append(name, value);
  headers.set("accept-encoding", "identity");
  headers.set(forwarding.name, forwarding.value);
  return headers;
}

/** The cell's headers as the caller gets them; the length stays, so that a cut answer shows. */
export function answerHeaders(from: Headers): Headers {
  const hop = named(from);
  const headers = new Headers();
  for (const [name, value] of from)
    if (name === "content-length" || (!OF_THE_HOP.has(name) && !hop.has(name))) headers.append(name, value);
  return headers;
}
