import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const INSTALL_MS_MAX = 300_000;

/**
 * The Python of an environment under `.cache/<name>` that has these packages from PyPI, made once per checkout; null
 * with a printed reason where Python or the packages cannot be had. Run modules with `-m`: its scripts are not to be used.
 */
export function pythonWith(name: string, packages: readonly string[]): string | null {
  const home = join(ROOT, ".cache", name);
  const python = join(home, "bin/python3");
  if (existsSync(python)) return python;
  // Made under another name first: what is under the final one is complete, also when two test processes make it.
  const making = `${home}.${process.pid}`;
  let reason: unknown;
  try {
    mkdirSync(join(ROOT, ".cache"), { recursive: true });
    const options = { stdio: "pipe", timeout: INSTALL_MS_MAX } as const;
    execFileSync("python3", ["-m", "venv", making], options);
    execFileSync(join(making, "bin/pip"), ["install", "--quiet", ...packages], options);
    renameSync(making, home);
  } catch (error) {
    reason = error;
  }
  rmSync(making, { recursive: true, force: true });
  if (existsSync(python)) return python;
  console.warn(
    `skipped: ${packages.join(" ")} could not be installed: ${reason instanceof Error ? reason.message : reason}`,
  );
  return null;
}
