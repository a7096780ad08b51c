import { z } from "zod";
import type { KeyPair } from "../../functions/adapters/signer/key-document.ts";
import { inForceAt } from "../../functions/adapters/signer/key-document.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import {
  type DsseEnvelope,
  ed25519DsseSigner,
  mlDsa65DsseSigner,
  signDsse,
  verifyDsse,
} from "../../shared/crypto/log/dsse.ts";
import { formatStatement, parseStatement, STATEMENT_PAYLOAD_TYPE } from "../../shared/crypto/log/statement.ts";
import type { TrustedKey } from "../../shared/evidence/keys-file.ts";

export const PROVENANCE_TYPE = "https://slsa.dev/provenance/v1";
const BUILD_TYPE = "https://bailiwick.example.com/build/npm-release/v1";

export interface Built {
  commit: string;
  /** Whether the checkout had changes that no commit has. */
  dirty: boolean;
  release: string;
  lockSha256: string;
  /** Name → SHA-256, hex. */
  files: ReadonlyMap<string, string>;
  started: string;
  finished: string;
  builder: Builder;
}

/** Who built, and what that is worth. */
export interface Builder {
  id: string;
  invocation: string;
  /**
   * Of SLSA 1.0, Build track. 1: provenance exists. 2 would need a statement that the hosting service signs itself, and
   * this one is signed by a key that the build's own steps can reach.
   */
  slsaBuildLevel: 1;
  versions: Record<string, string>;
}

/** What may be said of the machine that builds: a hosted runner's run by its address, else a checkout on some machine. */
export function builderOf(env: Readonly<Record<string, string | undefined>>, node: string): Builder {
  const { GITHUB_ACTIONS, GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_WORKFLOW_REF } = env;
  const hosted = GITHUB_ACTIONS === "true" && GITHUB_REPOSITORY !== undefined;
  return {
    id: hosted
      ? `${GITHUB_SERVER_URL}/${GITHUB_WORKFLOW_REF ?? GITHUB_REPOSITORY}`
      : "https://bailiwick.example.com/builders/checkout",
    invocation: hosted ? `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}` : "local",
    slsaBuildLevel: 1,
    versions: { node },
  };
}

/** SLSA provenance v1 over every file of a release, as the body of an in-toto statement. */
export function provenanceOf(built: Built): Uint8Array {
  const predicate: JsonObject = {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { commit: built.commit, release: built.release },
      internalParameters: { uncommitted_changes: built.dirty, slsa_build_level: built.builder.slsaBuildLevel },
      resolvedDependencies: [
        { uri: "git+checkout", digest: { gitCommit: built.commit } },
        { uri: "package-lock.json", digest: { sha256: built.lockSha256 } },
      ],
    },
    runDetails: {
      builder: { id: built.builder.id, version: built.builder.versions },
      metadata: { invocationId: built.builder.invocation, startedOn: built.started, finishedOn: built.finished },
    },
  };
  const subject = [...built.files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, sha256]) => ({ name, digest: { sha256 } }));
  return formatStatement({ subject, predicateType: PROVENANCE_TYPE, predicate });
}

/** Signed by each pair in force, with both algorithms. Throws when no pair is in force. */
export function signedProvenance(body: Uint8Array, pairs: readonly KeyPair[], now: number): DsseEnvelope {
  const signing = inForceAt(pairs, now);
  if (signing.length === 0) throw new Error("no pair of release keys is in force");
  return signDsse(
    STATEMENT_PAYLOAD_TYPE,
    body,
    signing.flatMap((pair) => [ed25519DsseSigner(pair.ed25519Seed), mlDsa65DsseSigner(pair.mlDsa65Seed)]),
  );
}

export interface ReleaseFacts {
  files: ReadonlyMap<string, string>;
  release: string;
  commit: string;
  uncommitted: boolean;
  builder: string;
  slsaBuildLevel: number;
}

/** What a release says of itself, once both signatures hold under trusted keys that are not called compromised. */
export function readProvenance(
  envelope: DsseEnvelope,
  trusted: readonly TrustedKey[],
  now: number,
): Result<ReleaseFacts, string> {
  const good = trusted.filter(({ revoked, notBeforeMs }) => revoked?.reason !== "compromised" && notBeforeMs <= now);
  const of = (wanted: TrustedKey["algorithm"]) =>
    good.filter(({ algorithm }) => algorithm === wanted).map(({ publicKey }) => publicKey);
  const verified = verifyDsse(envelope, { ed25519: of("ed25519"), mldsa65: of("mldsa65") }, "both");
  if (!verified.ok) return err(`signatures: ${JSON.stringify(verified.error)}`);
  if (verified.value.payloadType !== STATEMENT_PAYLOAD_TYPE) return err("the envelope holds no in-toto statement");
  const statement = parseStatement(verified.value.body);
  if (statement?.predicateType !== PROVENANCE_TYPE) return err("the statement is no SLSA provenance v1");
  const files = new Map<string, string>();
  for (const { name, digest } of statement.subject) {
    if (digest.sha256 === undefined || files.has(name)) return err(`${name}: named twice, or without a SHA-256`);
    files.set(name, digest.sha256);
  }
  const facts = Predicate.safeParse(statement.predicate);
  if (!facts.success) return err("the provenance lacks a member");
  const { buildDefinition, runDetails } = facts.data;
  return ok({
    files,
    ...buildDefinition.externalParameters,
    uncommitted: buildDefinition.internalParameters.uncommitted_changes,
    slsaBuildLevel: buildDefinition.internalParameters.slsa_build_level,
    builder: runDetails.builder.id,
  });
}

const Predicate = z.object({
  buildDefinition: z.object({
    externalParameters: z.object({ commit: z.string(), release: z.string() }),
    internalParameters: z.object({ uncommitted_changes: z.boolean(), slsa_build_level: z.number() }),
  }),
  runDetails: z.object({ builder: z.object({ id: z.string() }) }),
});
