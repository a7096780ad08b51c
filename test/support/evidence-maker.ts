import { tarHeader } from "../../functions/evidence/tar.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { commitmentHex } from "../../shared/crypto/commitment.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { encodeBase64 } from "../../shared/crypto/log/base64.ts";
import { formatCheckpoint } from "../../shared/crypto/log/checkpoint.ts";
import { type DsseEnvelope, type DsseSigner, signDsse } from "../../shared/crypto/log/dsse.ts";
import { ed25519PublicKey, signEd25519 } from "../../shared/crypto/log/ed25519.ts";
import { encodeBundle } from "../../shared/crypto/log/entry-bundle.ts";
import { keyThumbprint, publicJwk } from "../../shared/crypto/log/jwk-thumbprint.ts";
import { mlDsa65PublicKey, mlDsa65Signer } from "../../shared/crypto/log/ml-dsa-65.ts";
import { signNote } from "../../shared/crypto/log/note.ts";
import { STATEMENT_TYPE } from "../../shared/crypto/log/statement.ts";
import { newTiles, TILE_WIDTH, type Tile } from "../../shared/crypto/log/tiles.ts";
import { leafHash, rootOfLeaves } from "../../shared/crypto/log/tree.ts";
import { inclusionNodes } from "../../shared/crypto/log/tree-nodes.ts";
import { sha256, sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";

export const json = (value: JsonValue): Uint8Array => utf8(canonicalJson(value));

/** Both keys of a cell at a time, from its name alone. */
export class MadePair {
  readonly #edSeed: Uint8Array;
  readonly #mlSign: (message: Uint8Array) => Uint8Array;
  readonly edPublic: Uint8Array;
  readonly mlPublic: Uint8Array;
  readonly ed: DsseSigner;
  readonly ml: DsseSigner;

  constructor(name: string) {
    this.#edSeed = sha256(`ed25519 of ${name}`);
    const mlSeed = sha256(`ml-dsa-65 of ${name}`);
    this.edPublic = ed25519PublicKey(this.#edSeed);
    this.mlPublic = mlDsa65PublicKey(mlSeed);
    this.#mlSign = mlDsa65Signer(mlSeed);
    this.ed = { keyid: keyThumbprint("ed25519", this.edPublic), sign: (bytes) => signEd25519(this.#edSeed, bytes) };
    const made = new Map<string, Uint8Array>();
    this.ml = {
      keyid: keyThumbprint("mldsa65", this.mlPublic),
      // Half of a suite's time would go into signing the same checkpoint again.
      sign: (bytes) => {
        const of = sha256Hex(bytes);
        const signature = made.get(of) ?? this.#mlSign(bytes);
        made.set(of, signature);
        return signature;
      },
    };
  }

  /** Both rows of a keys file. */
  rows(lifetime: JsonObject = {}): JsonObject[] {
    const always = { not_before: "2026-01-01T00:00:00.000Z", not_after: null, revoked: null, ...lifetime };
    return [
      { kid: this.ed.keyid, alg: "Ed25519", jwk: publicJwk("ed25519", this.edPublic), ...always },
      { kid: this.ml.keyid, alg: "ML-DSA-65", jwk: publicJwk("mldsa65", this.mlPublic), ...always },
    ];
  }
}

/** A keys file with these rows, as `/.well-known/bailiwick-keys.json` has it. */
export const keysFile = (rows: JsonObject[]): Uint8Array =>
  json({ schema_version: 1, cell: "local", origin: "bailiwick.example.com", keys: rows });

const BY: JsonObject = {
  acr: "urn:example:mfa",
  action: "inference:invoke",
  cell: "eu1",
  credential: "key:4kQ0Zt7bXw2N",
  decision: "dec_01JD0000000000000000000000",
  environment: "production",
  outcome: "success",
  policy: null,
  project: "assist",
  region: "eu-central-1",
  release: "0.1.0+sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  request: "req_01JD0000000000000000000000",
  snapshot: `sha256:${"0".repeat(64)}`,
  source: "192.0.2.7",
  subject: "service:demo",
  workspace: "default",
};

/** Members of an entry that are not what they usually are; `detail` is replaced as a whole. */
export type Draft = { kind: string; at: string } & JsonObject;

/** A log with its tree, all in memory. */
export class MadeLog {
  readonly origin: string;
  readonly tenant: string;
  readonly entries: Uint8Array[] = [];
  readonly leaves: Uint8Array[] = [];

  constructor(origin: string) {
    this.origin = origin;
    this.tenant = origin.slice(origin.lastIndexOf("/") + 1);
  }

  /** Appends the entry as a cell writes it, `draft` last, so that it can also be one that no cell writes. */
  append(draft: Draft): number {
    const seq = this.entries.length;
    const before = this.leaves.at(-1);
    const prev = before ? encodeHex(before) : "0".repeat(64);
    return this.push(
      json({ ...BY, schema_version: 1, tenant: this.tenant, seq, task: null, detail: {}, prev, ...draft }),
    );
  }

  push(bytes: Uint8Array): number {
    this.entries.push(bytes);
    this.leaves.push(leafHash(bytes));
    return this.entries.length - 1;
  }

  /** The same log with other bytes at one place; entries behind it keep theirs. */
  with(index: number, bytes: Uint8Array): MadeLog {
    const other = new MadeLog(this.origin);
    for (const [at, entry] of this.entries.entries()) other.push(at === index ? bytes : entry);
    return other;
  }

  value(index: number): JsonObject {
    const value: unknown = JSON.parse(this.text(index));
    if (!isJsonObject(value)) throw new Error(`entry ${index} is not an object`);
    return value;
  }

  text(index: number): string {
    return new TextDecoder().decode(this.entries[index]);
  }

  root(size: number): Uint8Array {
    return rootOfLeaves(this.leaves.slice(0, size));
  }

  proof(index: number, size: number): Uint8Array[] {
    return inclusionNodes(index, size).map((nodes) => {
      const [first, last] = [nodes[0], nodes.at(-1)];
      if (!first || !last) throw new Error("a proof hash of nothing");
      return rootOfLeaves(this.leaves.slice(first.index * 2 ** first.height, (last.index + 1) * 2 ** last.height));
    });
  }

  checkpointText(size: number): string {
    return formatCheckpoint({ origin: this.origin, size, root: this.root(size) });
  }

  note(size: number, pairs: readonly MadePair[]): string {
    const signers = pairs.map(({ edPublic, ed }) => ({ name: this.origin, publicKey: edPublic, sign: ed.sign }));
    return signNote(this.checkpointText(size), signers);
  }

  envelope(size: number, pairs: readonly MadePair[]): DsseEnvelope {
    return sealCheckpoint(this.checkpointText(size), pairs);
  }

  tile({ level, n, width }: Tile): Uint8Array {
    const each = TILE_WIDTH ** level;
    const at = (place: number) => (n * TILE_WIDTH + place) * each;
    return Buffer.concat(
      Array.from({ length: width }, (_, place) => rootOfLeaves(this.leaves.slice(at(place), at(place + 1)))),
    );
  }

  bundle(n: number, width: number): Uint8Array {
    return encodeBundle(this.entries.slice(n * TILE_WIDTH, n * TILE_WIDTH + width));
  }

  tiles(size: number): Tile[] {
    return newTiles(0, size);
  }
}

export const sealCheckpoint = (text: string, pairs: readonly MadePair[]): DsseEnvelope =>
  signDsse(
    "application/vnd.bailiwick.checkpoint",
    utf8(text),
    pairs.map(({ ml }) => ml),
  );

/** The DSSE envelope of any payload, signed by both keys of each pair. */
export const seal = (payload: Uint8Array, pairs: readonly MadePair[], type = "application/vnd.in-toto+json") =>
  signDsse(
    type,
    payload,
    pairs.flatMap(({ ed, ml }) => [ed, ml]),
  );

export interface MadeStatement extends JsonObject {
  _type: string;
  subject: { name: string; digest: { sha256: string } }[];
  predicateType: string;
  predicate: JsonObject;
}

/** Salts of the made tasks. */
export const SALTS = { request: "00".repeat(16), response: "11".repeat(16) };
export const BODIES = {
  request: utf8('{"model":"demo","messages":[]}'),
  response: utf8('{"object":"chat.completion"}'),
};
const committed = (name: "request" | "response") =>
  commitmentHex(Uint8Array.from(Buffer.from(SALTS[name], "hex")), BODIES[name]);

const ROUTE = {
  chosen_by: "policy",
  lane: "direct",
  model: "demo-7b",
  model_digest: "ab".repeat(32),
  provider: "pool-a",
  reasons: [{ candidate: "pool-a/demo-7b", outcome: "chosen", reason: "first approved" }],
  route: "local",
};
const OBLIGATIONS = [{ id: "audit", note: null, outcome: "applied" }];

/** The two entries of a task that ran. */
export const opened = (task: string, at: string): Draft => ({
  kind: "task.opened",
  at,
  task,
  outcome: "pending",
  detail: {
    call: { request: committed("request") },
    deadline_ms: 1_795_000_000_000,
    hold_nusd: 9_000,
    intent: "chat",
    key: null,
    keyed: true,
    model: "demo",
    operation: "chat.completions.create",
    tokens: 100,
  },
});
export const closed = (task: string, at: string, openedAt: number): Draft => ({
  kind: "task.closed",
  at,
  task,
  detail: {
    call: { response: committed("response") },
    cost_nusd: 4_200,
    error: null,
    estimated: false,
    obligations: OBLIGATIONS,
    opened: openedAt,
    result: "none",
    route: ROUTE,
    status: "OK",
    usage: [{ meter: "tokens_in", quantity: 12 }],
  },
});

/** The statement of docs/ledger.md §4 about the entries at `indices`, proven at `size`. */
export function taskStatement(
  log: MadeLog,
  indices: readonly number[],
  options: { size: number; generatedAt: string; pairs: readonly MadePair[] },
): MadeStatement {
  const { size, generatedAt, pairs } = options;
  const values = indices.map((index) => log.value(index));
  const opening = values.find(({ kind }) => kind === "task.opened") ?? values[0] ?? {};
  const closing = values.findLast(({ kind }) => ["task.closed", "task.corrected"].includes(String(kind)));
  const [open, end] = [objectOf(opening.detail), objectOf(closing?.detail)];
  const [version = "", digest = null] = String(opening.release).split("+");
  const { chosen_by: _, ...route } = objectOf(end.route);
  const digestOf = (detail: JsonObject, name: "request" | "response"): JsonValue => {
    const stated = objectOf(detail.call)[name] ?? null;
    return stated === null ? null : { digest: stated, salt: SALTS[name] };
  };
  const pick = (name: string): JsonValue => opening[name] ?? null;
  return {
    _type: STATEMENT_TYPE,
    subject: indices.map((index) => ({
      name: `${log.origin}#${index}`,
      digest: { sha256: sha256Hex(log.entries[index] ?? new Uint8Array()) },
    })),
    predicateType: "https://bailiwick.example.com/evidence/task/v1",
    predicate: {
      schema_version: 1,
      generated_at: generatedAt,
      task: {
        id: pick("task"),
        operation: open.operation ?? null,
        status: end.status ?? null,
        intent: open.intent ?? null,
        created: values[0]?.at ?? null,
        finished: closing?.at ?? null,
      },
      log: {
        origin: log.origin,
        checkpoint: log.note(size, pairs),
        checkpoint_dsse: { ...log.envelope(size, pairs) },
        entries: indices.map((index) => ({
          index,
          entry: log.text(index),
          proof: log.proof(index, size).map(encodeBase64),
        })),
      },
      actor: Object.fromEntries(
        ["subject", "credential", "acr", "tenant", "workspace", "project", "environment"].map((name) => [
          name,
          pick(name),
        ]),
      ),
      decision: {
        id: pick("decision"),
        outcome: "ALLOW",
        layers: [{ layer: "cell", revision: "7", digest: "cd".repeat(32) }],
        obligations: end.obligations ?? [],
        reasons: [],
      },
      route: closing ? route : null,
      usage: end.usage ?? [],
      cost_nusd: end.cost_nusd ?? 0,
      estimated: end.estimated ?? false,
      idempotency: { keyed: open.keyed ?? false },
      commitments: { request: digestOf(open, "request"), response: digestOf(end, "response") },
      residency: {
        cell: pick("cell"),
        jurisdiction: "eu",
        region: pick("region"),
        pool: "pool-a",
        stores: [{ purpose: "ledger archive", technology: "s3", jurisdiction: "eu", worm: "object-lock" }],
      },
      release: { version, digest, sbom: null, cbom: null, provenance: null },
      transcript: null,
    },
  };
}

const objectOf = (value: JsonValue | undefined): JsonObject =>
  value !== undefined && isJsonObject(value) ? value : {};

export interface MadeFile {
  name: string;
  bytes: Uint8Array;
}

/** A POSIX ustar archive of these files. */
export function tarball(files: readonly MadeFile[]): Uint8Array {
  const padding = (size: number) => new Uint8Array((512 - (size % 512)) % 512);
  return Buffer.concat([
    ...files.flatMap(({ name, bytes }) => [tarHeader(name, bytes.length, 0), bytes, padding(bytes.length)]),
    new Uint8Array(1_024),
  ]);
}
