import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { releaseOf } from "../../functions/entry/release.ts";
import { ROOT } from "./command.mjs";

const USAGE = "npm run deploy -- [--dry-run] <cell> …   cells are the environments of wrangler.toml\n";

/** Hands the signer and the edge of each named cell to wrangler, with the release of this checkout; stops at the first that fails. */
const given = process.argv.slice(2);
const dry = given.includes("--dry-run");
const cells = given.filter((argument) => argument !== "--dry-run");
if (cells.length === 0 || cells.some((cell) => !/^[a-z][a-z0-9]{0,15}$/.test(cell))) {
  process.stderr.write(USAGE);
  process.exit(2);
}
const { release } = releaseOf(ROOT);
/** The signer goes first: a cell is refused while the service that it is bound to does not exist. */
const CONFIGS = ["wrangler.signer.toml", "wrangler.toml"];
for (const cell of cells)
  for (const config of CONFIGS) {
    const { status } = spawnSync(
      process.execPath,
      [
        join(ROOT, "node_modules/wrangler/bin/wrangler.js"),
        "deploy",
        ...["--config", config],
        ...(dry ? ["--dry-run"] : []),
        ...["--env", cell],
        ...(config === "wrangler.toml" ? ["--var", `BAILIWICK_RELEASE:${release}`] : []),
      ],
      { cwd: ROOT, stdio: "inherit", env: { ...process.env, WRANGLER_SEND_METRICS: "false" } },
    );
    if (status !== 0) process.exit(status ?? 1);
  }
