import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { releaseOf } from "../../functions/entry/release.ts";
import { ROOT } from "./command.mjs";
import { startCost } from "./worker-start.ts";

const USAGE =
  "npm run deploy -- [--dry-run] <cell>|global …   cells are the environments of wrangler.toml, global is the entry's\n";

interface Part {
  config: string;
  entry: string;
  /** Compressed; the platform takes 10 MB, and every isolate pays for what it loads. */
  gzipBytesMax: number;
  /** The code that runs is named by a variable of the cell. */
  released: boolean;
}

const KIB = 1024;
/** The signer goes first: a cell is refused while the service that it is bound to does not exist. */
const CELL: readonly Part[] = [
  { config: "wrangler.signer.toml", entry: "signer.js", gzipBytesMax: 160 * KIB, released: false },
  { config: "wrangler.toml", entry: "workerd.js", gzipBytesMax: 3 * KIB * KIB, released: true },
];
const GLOBAL: readonly Part[] = [
  { config: "wrangler.global.toml", entry: "global-workerd.js", gzipBytesMax: 256 * KIB, released: true },
];
/** The platform refuses an upload that takes longer to start: 1 s of processor time, of machines faster than most of ours. */
const START_MS_MAX = 1_000;

/** Hands each part of the named cells to wrangler, with the release of this checkout; stops at the first that fails. */
const given = process.argv.slice(2);
const dry = given.includes("--dry-run");
const cells = given.filter((argument) => argument !== "--dry-run");
if (cells.length === 0 || cells.some((cell) => !/^[a-z][a-z0-9]{0,15}$/.test(cell))) {
  process.stderr.write(USAGE);
  process.exit(2);
}
const { release } = releaseOf(ROOT);

/** @returns whether it went through */
async function handOver(part: Part, cell: string): Promise<boolean> {
  const out = mkdtempSync(join(tmpdir(), "bailiwick-bundle-"));
  try {
    const { status } = spawnSync(
      process.execPath,
      [
        join(ROOT, "node_modules/wrangler/bin/wrangler.js"),
        "deploy",
        ...["--config", part.config],
        ...(dry ? ["--dry-run", "--outdir", out] : []),
        ...["--env", cell],
        ...(part.released ? ["--var", `BAILIWICK_RELEASE:${release}`] : []),
      ],
      { cwd: ROOT, stdio: "inherit", env: { ...process.env, WRANGLER_SEND_METRICS: "false" } },
    );
    if (status !== 0) return false;
    return !dry || (await withinBounds(part, cell, out));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Prints what a bundle weighs and what it costs to start; says what is beyond its bound. */
async function withinBounds(part: Part, cell: string, out: string): Promise<boolean> {
  const files = readdirSync(out).filter((name) => !/\.map$|^README/.test(name));
  const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(out, name))).length, 0);
  const startMs = await startCost(out, part.entry);
  const name = `${cell} ${basename(part.config, ".toml")}`;
  const kib = (value: number) => `${(value / KIB).toFixed(0)} KiB`;
  process.stdout.write(
    `${name}: ${kib(bytes)} compressed (at most ${kib(part.gzipBytesMax)}), ${startMs === null ? "start-up not measured here" : `${startMs} ms of processor time to start (at most ${START_MS_MAX})`}\n`,
  );
  if (bytes > part.gzipBytesMax) process.stderr.write(`${name}: the bundle is too large\n`);
  if (startMs !== null && startMs > START_MS_MAX) process.stderr.write(`${name}: it takes too long to start\n`);
  return bytes <= part.gzipBytesMax && (startMs === null || startMs <= START_MS_MAX);
}

for (const cell of cells)
  for (const part of cell === "global" ? GLOBAL : CELL) if (!(await handOver(part, cell))) process.exit(1);
