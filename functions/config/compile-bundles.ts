import type { BundleKeyEntry, BundlePull } from "../../shared/contracts/config/bundles.ts";
import type { BundleConfig, BundleKeyConfig, SecretRef } from "../../shared/contracts/config/snapshot.ts";
import type { Findings } from "./findings.ts";

/** Keys and source of one policy layer. A key whose secret is absent verifies nothing, which is a warning. */
export function compileBundles(
  written: { keys: readonly BundleKeyEntry[]; pull?: BundlePull | undefined },
  where: { file: string; path: readonly PropertyKey[] },
  secretsPresent: (ref: SecretRef) => boolean,
  findings: Findings,
): BundleConfig {
  const keys = written.keys.map(({ id, algorithm, public_key, secret }, at): BundleKeyConfig => {
    if (secret !== undefined && !secretsPresent(secret))
      findings.warn(
        where.file,
        [...where.path, at, "secret"],
        `the secret ${secret.source}:${secret.name} is missing; bundles signed with ${id} cannot be verified`,
      );
    const plain = typeof public_key === "object" ? definedMembers(public_key) : (public_key ?? null);
    return { id, algorithm, public_key: plain, secret: secret ?? null };
  });
  if (written.pull && keys.length === 0)
    findings.problem(where.file, where.path, "bundles are fetched, and no key could verify them");
  return { keys, pull: written.pull ? { ...written.pull } : null };
}

const definedMembers = (jwk: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(jwk).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])));
