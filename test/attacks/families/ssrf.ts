import { hostname } from "node:os";
import { eventually } from "../../support/lab.ts";
import { type Attack, type Family, said, spelled } from "../attack.ts";
import { token } from "../forge.ts";
import type { Range } from "../range.ts";

const untouched = async (range: Range, act: () => Promise<string>): Promise<string> => {
  const before = range.sink.touched;
  const outcome = await act();
  return `${outcome}; ${range.sink.touched === before ? "nobody was asked" : "somebody was asked"}`;
};

/** Hosts of the cell's own network in every spelling that a URL parser or a resolver may take for one. */
const HOSTS: Readonly<Record<string, string>> = {
  loopback: "127.0.0.1",
  "loopback-other": "127.1.2.3",
  "loopback-short": "127.1",
  decimal: "2130706433",
  hexadecimal: "0x7f000001",
  "hexadecimal-dotted": "0x7f.0x0.0x0.0x1",
  octal: "0177.0.0.1",
  "octal-padded": "0000177.0.0.01",
  overflowing: "127.0.0.1.",
  zero: "0.0.0.0",
  "zero-short": "0",
  metadata: "169.254.169.254",
  "metadata-decimal": "2852039166",
  "metadata-v6": "[fd00:ec2::254]",
  "private-10": "10.0.0.1",
  "private-172": "172.16.0.1",
  "private-192": "192.168.0.1",
  "carrier-nat": "100.64.0.1",
  broadcast: "255.255.255.255",
  multicast: "224.0.0.1",
  "v6-loopback": "[::1]",
  "v6-any": "[::]",
  "v6-mapped": "[::ffff:127.0.0.1]",
  "v6-mapped-hex": "[::ffff:7f00:1]",
  "v6-compatible": "[::127.0.0.1]",
  "v6-nat64": "[64:ff9b::7f00:1]",
  "v6-6to4": "[2002:7f00:1::]",
  "v6-link-local": "[fe80::1]",
  "v6-unique-local": "[fc00::1]",
  "v6-teredo": "[2001:0:7f00:1::]",
  localhost: "localhost",
  "localhost-dot": "localhost.",
  "localhost-sub": "x.localhost",
  "localhost-upper": "LOCALHOST",
  internal: "metadata.google.internal",
  mdns: "printer.local",
  "full-width": "１２７.０.０.１",
  circled: "①②⑦.⓪.⓪.①",
  "ideographic-dot": "127。0。0。1",
  credentials: "user:secret@example.com",
  "credentials-trick": "example.com@127.0.0.1",
  "fragment-trick": "127.0.0.1#@example.com",
  "backslash-trick": "127.0.0.1\\@example.com",
};

const callback = (id: string, attack: string, url: (range: Range) => string): Attack => ({
  id,
  attack,
  expected: "400 invalid_request; nobody was asked",
  owasp: ["API7"],
  observe: (range) =>
    untouched(range, async () =>
      said(
        await range.lab.ask("/v1/tasks", {
          key: range.mallory.apiKey,
          body: { intent: "chat", model: "echo", input: "x", callback_url: url(range) },
        }),
      ),
    ),
});

const callbacks: readonly Attack[] = [
  ...spelled(HOSTS, (id, host) =>
    callback(`callback-${id}`, `a callback to \`${host}\``, ({ sink }) =>
      /[@#\\]/.test(host) ? `https://${host}/` : `https://${host}:${sink.port}/`,
    ),
  ),
  ...spelled(
    {
      http: "http://example.com/",
      file: "file:///etc/passwd",
      gopher: "gopher://127.0.0.1:6379/_x",
      ftp: "ftp://example.com/",
      data: "data:text/plain,x",
      javascript: "javascript:alert(1)",
      unix: "unix:///run/docker.sock",
      relative: "//127.0.0.1/",
      "line-break": "https://127.0.0.1/\r\nhost: example.com",
    },
    (id, url) => callback(`callback-scheme-${id}`, `a callback to \`${url.replaceAll("\r\n", "\\r\\n")}\``, () => url),
  ),
  {
    id: "callback-name-inward",
    attack:
      "a callback to a name that resolves into the cell's network, as a rebinding name does at the second look-up",
    expected: "202, then waiting: address_refused; nobody was asked",
    on: {
      workerd: {
        expected: "202, then waiting: unreachable; nobody was asked",
        because: "its network refuses the address, and tells no reason",
      },
    },
    owasp: ["API7"],
    observe: (range) =>
      untouched(range, async () => {
        const url = `https://${hostname()}:${range.sink.port}/`;
        const body = { intent: "chat", model: "echo", input: "x", callback_url: url };
        const response = await range.lab.ask("/v1/tasks", { key: range.mallory.apiKey, body });
        if (response.status !== 202) return said(response);
        const { task_id: id } = await response.json();
        const task = await eventually(
          () => range.lab.task(range.mallory, id),
          ({ callback: { state, reason } }) => state !== "waiting" || reason !== null,
          20_000,
        );
        return `202, then ${task.callback.state}: ${task.callback.reason}`;
      }),
  },
];

const issuers: readonly Attack[] = [
  {
    id: "issuer-inward",
    attack: "tokens of issuers that a tenant named, in seven spellings of the cell's own network",
    expected: "never accepted; nobody was asked",
    owasp: ["API7", "API2"],
    observe: (range) =>
      untouched(range, async () => {
        const outcomes = new Set<string>();
        for (const iss of range.inward)
          outcomes.add(await range.chat(await token(range.foreign.keys.ES256, range.claims({ iss }))));
        return [...outcomes].some((outcome) => outcome.startsWith("200")) ? "accepted" : "never accepted";
      }),
  },
  {
    id: "discovery-redirect",
    attack: "an issuer's discovery that redirects into the cell's network",
    expected: "503 store_unavailable; nobody was asked",
    owasp: ["API7"],
    observe: (range) =>
      untouched(range, async () => {
        range.foreign.redirect = `http://127.0.0.1:${range.sink.port}/`;
        const claims = range.claims({ iss: range.foreign.issuer, aud: "https://outlanders.example.com" });
        const outcome = await range.chat(await token(range.foreign.keys.ES256, claims));
        range.foreign.redirect = null;
        return outcome;
      }),
  },
];

const contents: readonly Attack[] = [
  ...spelled(
    {
      "image-url": [{ type: "image_url", image_url: { url: "SINK" } }],
      "file-url": [{ type: "file", file: { file_url: "SINK" } }],
      "audio-url": [{ type: "input_audio", input_audio: { url: "SINK" } }],
    },
    (id, content): Attack => ({
      id,
      attack: `a part of a message that names an address (\`${id}\`), for the cell to fetch`,
      expected: "the cell fetched nothing; nobody was asked",
      owasp: ["API7", "LLM1"],
      observe: (range) =>
        untouched(range, async () => {
          const parts = JSON.parse(JSON.stringify(content).replaceAll("SINK", `http://127.0.0.1:${range.sink.port}/x`));
          await range.chat(range.mallory.apiKey, { messages: [{ role: "user", content: parts }] });
          return "the cell fetched nothing";
        }),
    }),
  ),
  {
    id: "host-header",
    attack: "a `host` header of the attacker's, to have links point there",
    expected: "no link of the answer leads there",
    owasp: ["API7", "API8"],
    async observe({ lab, mallory }) {
      const { exchange } = await import("../raw-http.ts");
      const body = JSON.stringify({ intent: "chat", model: "echo", input: "x" });
      const { text } = await exchange(
        lab.cell.url,
        `POST /v1/tasks HTTP/1.1\r\nhost: attacker.example.com\r\nx-forwarded-host: attacker.example.com\r\nauthorization: Bearer ${mallory.apiKey}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      return text.startsWith("HTTP/1.1 202") && !text.includes("attacker")
        ? "no link of the answer leads there"
        : text.slice(0, 200);
    },
  },
];

export const SSRF: Family = {
  id: "ssrf",
  title: "Server side request forgery",
  about:
    "Every place that takes an address: callbacks, issuers, parts of messages, host names. A server in the cell's own network counts connections; *nobody was asked* is its count. Engines that redirect are with the hostile engines, key addresses in tokens with the tokens.",
  attacks: [...callbacks, ...issuers, ...contents],
};
