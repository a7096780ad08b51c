import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hashing } from "../../shared/crypto/hashing.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";

const CODE = ["functions", "durable", "shared"];

/** `<version>+<digest>` of the code that runs: SHA-256 over the names and bytes of its source files and the lock file. */
export function releaseOf(project: string): { version: string; release: string } {
  const { version } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { version: string }; // safe because: npm wrote it
  const hash = hashing().running();
  const files = CODE.flatMap((folder) =>
    readdirSync(join(project, folder), { recursive: true }).map((name) => join(folder, String(name))),
  );
  for (const file of [...files.filter((name) => /(?<!\.test)\.ts$/.test(name)).sort(), "package-lock.json"]) {
    hash.update(utf8(`${file}\n`));
    hash.update(readFileSync(join(project, file)));
  }
  return { version, release: `${version}+${encodeHex(hash.digest()).slice(0, 16)}` };
}
