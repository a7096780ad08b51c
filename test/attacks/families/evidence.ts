import { parseKeysFile } from "../../../shared/evidence/keys-file.ts";
import { verifyExport } from "../../../shared/evidence/ledger-export.ts";
import type { Report } from "../../../shared/evidence/report.ts";
import { verifyTaskEvidence } from "../../../shared/evidence/task-evidence.ts";
import { eventually } from "../../support/lab.ts";
import { type Attack, type Family, spelled } from "../attack.ts";
import { CHAT, type Range } from "../range.ts";

interface Had {
  evidence: string;
  export: Uint8Array<ArrayBuffer>;
  keys: string;
}
const had = new WeakMap<Range, Promise<Had>>();

/** Evidence and an export as the cell hands them out, and its keys; got once for a range. */
function files(range: Range): Promise<Had> {
  const known = had.get(range);
  if (known) return known;
  const made = get(range);
  had.set(range, made);
  return made;
}
async function get({ lab, victim }: Range): Promise<Had> {
  const chat = { model: "echo", messages: [{ role: "user", content: "x" }] };
  const response = await lab.ask(CHAT, { key: victim.apiKey, body: chat });
  await response.text();
  const read = async (path: string): Promise<Response> => {
    const answer = await eventually(
      () => lab.ask(path, { key: victim.adminKey }),
      ({ status }) => status !== 404 && status !== 409,
      30_000,
    );
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer;
  };
  const evidence = await (await read(`/v1/tasks/${response.headers.get("x-bailiwick-task")}/evidence`)).text();
  const archive = new Uint8Array(await (await read("/v1/ledger/export")).arrayBuffer());
  const keys = await (await lab.ask("/.well-known/bailiwick-keys.json")).text();
  return { evidence, export: archive, keys };
}

const told = ({ verified, own_keys, failure }: Report): string =>
  verified ? (own_keys ? "agrees with itself alone" : "verified") : `refused: ${failure?.reason}`;
const trust = (keys: string | null) => {
  const parsed = keys === null ? null : parseKeysFile(new TextEncoder().encode(keys));
  if (parsed && !parsed.ok) throw new Error(parsed.error.detail);
  return { keys: parsed?.value ?? null, checkpoint: null };
};

interface Envelope {
  payloadType: string;
  payload: string;
  signatures: { keyid: string; sig: string }[];
}
const restated = (text: string, change: (statement: string) => string): string => {
  const envelope = JSON.parse(text) as Envelope; // safe because: the cell's own envelope
  const statement = Buffer.from(envelope.payload, "base64").toString("utf8");
  return JSON.stringify({ ...envelope, payload: Buffer.from(change(statement)).toString("base64") });
};
const resigned = (text: string, change: (signatures: Envelope["signatures"]) => Envelope["signatures"]): string => {
  const envelope = JSON.parse(text) as Envelope; // safe because: the cell's own envelope
  return JSON.stringify({ ...envelope, signatures: change(envelope.signatures) });
};

const EVIDENCE: Readonly<
  Record<string, readonly [attack: string, expected: string, change: (text: string) => string]>
> = {
  "evidence-good": ["none: evidence as the cell gives it", "verified", (text) => text],
  "evidence-cost": [
    "another cost",
    "refused: signature_invalid",
    (text) => restated(text, (made) => made.replace(/"cost_nusd":\d+/, '"cost_nusd":1')),
  ],
  "evidence-subject": [
    "another caller",
    "refused: signature_invalid",
    (text) => restated(text, (made) => made.replace(/"subject":"[^"]+"/, '"subject":"root"')),
  ],
  "evidence-unsigned": ["no signatures", "refused: malformed", (text) => resigned(text, () => [])],
  "evidence-classical": [
    "the post-quantum signature stripped",
    "refused: signature_missing",
    (text) => resigned(text, (all) => all.slice(0, 1)),
  ],
  "evidence-quantum": [
    "the classical signature stripped",
    "refused: signature_missing",
    (text) => resigned(text, (all) => all.slice(1)),
  ],
  "evidence-twice": [
    "one signature twice in place of two",
    "refused: signature_duplicated",
    (text) => resigned(text, ([one]) => (one ? [one, one] : [])),
  ],
  "evidence-keyids": [
    "key ids swapped",
    "refused: signature_invalid",
    (text) =>
      resigned(text, ([a, b]) =>
        a && b
          ? [
              { ...a, keyid: b.keyid },
              { ...b, keyid: a.keyid },
            ]
          : [],
      ),
  ],
  "evidence-type": [
    "another payload type over the same bytes",
    "refused: signature_invalid",
    (text) => text.replace(/"payloadType":"[^"]+"/, '"payloadType":"application/json"'),
  ],
  "evidence-duplicate": [
    "the payload named twice, the good one first",
    "refused: malformed",
    (text) => text.replace("{", '{"payload":"e30=",'),
  ],
  "evidence-cut": ["cut in the middle", "refused: malformed", (text) => text.slice(0, text.length / 2)],
};
const evidence = spelled(
  EVIDENCE,
  (id, [attack, expected, change]): Attack => ({
    id,
    attack: `evidence of a task: ${attack}`,
    expected,
    owasp: [],
    async observe(range) {
      const made = await files(range);
      return told(verifyTaskEvidence(new TextEncoder().encode(change(made.evidence)), trust(made.keys)));
    },
  }),
);

/** The first place of these words in the archive, changed without changing its length. */
const altered = (bytes: Uint8Array<ArrayBuffer>, words: string, to: string): Uint8Array<ArrayBuffer> => {
  const at = Buffer.from(bytes).indexOf(words);
  if (at < 0) throw new Error(`${words} is not in the export`);
  const copy = bytes.slice();
  copy.set(new TextEncoder().encode(to.padEnd(words.length).slice(0, words.length)), at);
  return copy;
};
const EXPORTS: Readonly<
  Record<
    string,
    readonly [attack: string, expected: string, change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>]
  >
> = {
  "export-good": ["none: an export as the cell gives it", "verified", (bytes) => bytes],
  "export-entry": [
    "one word of one entry",
    "refused: file_altered",
    (bytes) => altered(bytes, '"task.opened"', '"task.oponed"'),
  ],
  "export-cut": [
    "cut in the middle",
    "refused: truncated",
    (bytes) => bytes.slice(0, Math.floor(bytes.length / 1024) * 512),
  ],
  "export-path": [
    "a file's name that climbs folders",
    "refused: tar_malformed",
    (bytes) => altered(bytes, "entries/", "../../x/"),
  ],
};
const exports_ = spelled(
  EXPORTS,
  (id, [attack, expected, change]): Attack => ({
    id,
    attack: `export of the ledger: ${attack}`,
    expected,
    owasp: [],
    async observe(range) {
      const made = await files(range);
      const pieces = (async function* () {
        yield change(made.export);
      })();
      return told(await verifyExport(pieces, trust(made.keys)));
    },
  }),
);

const keysFiles: readonly Attack[] = [
  {
    id: "export-own-keys",
    attack: "an export that is checked against the keys inside it",
    expected: "agrees with itself alone",
    owasp: [],
    async observe(range) {
      const made = await files(range);
      const pieces = (async function* () {
        yield made.export;
      })();
      return told(await verifyExport(pieces, trust(null)));
    },
  },
];

export const EVIDENCE_FAMILY: Family = {
  id: "evidence",
  title: "Evidence tampering",
  about:
    "What the running cell hands out, changed on its way, under the keys that were got before. These are the crude ones; the corpus of `test/contract/evidence-mutations.test.ts` has more than two hundred finer ones over evidence, exports and archives, and holds our verifier and a second one in Python against it.",
  attacks: [...evidence, ...exports_, ...keysFiles],
};
