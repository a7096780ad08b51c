import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { parseDsse } from "../../shared/crypto/log/dsse.ts";
import { parseKeysFile, type TrustedKey } from "../../shared/evidence/keys-file.ts";
import { digestsOf, PROVENANCE_FILE } from "./folder.ts";
import { type ReleaseFacts, readProvenance } from "./provenance.ts";

/** What is wrong with a release, or what it is: every file named and unaltered, none besides, both signatures good. */
export function verifyRelease(
  folder: string,
  trusted: readonly TrustedKey[],
  now: number,
): { faults: string[]; facts: ReleaseFacts | null } {
  const path = join(folder, PROVENANCE_FILE);
  if (!existsSync(path)) return { faults: [`${PROVENANCE_FILE} is missing`], facts: null };
  const envelope = parseDsse(readFileSync(path, "utf8"));
  if (envelope === null) return { faults: [`${PROVENANCE_FILE} is no DSSE envelope`], facts: null };
  const read = readProvenance(envelope, trusted, now);
  if (!read.ok) return { faults: [read.error], facts: null };
  const present = digestsOf(folder);
  present.delete(PROVENANCE_FILE);
  const faults = [
    ...[...read.value.files].flatMap(([name, digest]) => {
      const found = present.get(name);
      return found === digest ? [] : [`${name}: ${found === undefined ? "missing" : "altered"}`];
    }),
    ...[...present.keys()].filter((name) => !read.value.files.has(name)).map((name) => `${name}: nobody signed for it`),
  ];
  return { faults, facts: read.value };
}

/** `npm run release:verify -- FOLDER --keys KEYS.json`: exit 0 verified, 1 not, 2 not understood. */
function main(): number {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { keys: { type: "string" } } });
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0 || values.keys === undefined) {
    process.stderr.write("npm run release:verify -- FOLDER --keys KEYS.json\n");
    return 2;
  }
  const keys = parseKeysFile(readFileSync(values.keys));
  if (!keys.ok) {
    process.stderr.write(`${values.keys}: ${keys.error.detail}\n`);
    return 2;
  }
  const { faults, facts } = verifyRelease(resolve(folder), keys.value, Date.now());
  for (const fault of faults) process.stdout.write(`${fault}\n`);
  if (facts !== null)
    process.stdout.write(
      `${facts.release} of commit ${facts.commit}${facts.uncommitted ? " WITH UNCOMMITTED CHANGES" : ""}\nbuilt by ${facts.builder}, SLSA build level ${facts.slsaBuildLevel}\n`,
    );
  process.stdout.write(faults.length === 0 ? `VERIFIED ${facts?.files.size ?? 0} files\n` : "NOT VERIFIED\n");
  return faults.length === 0 ? 0 : 1;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = main();
