import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeBinary, ROOT } from "../../infra/local/command.mjs";

export interface Block {
  language: string;
  text: string;
  /** The `text` block that follows directly: what the README says is printed. */
  output: string | null;
}

/** The fenced blocks of the README that a reader would run or copy, in order. */
export function readmeBlocks(readme = readFileSync(join(ROOT, "README.md"), "utf8")): Block[] {
  const fences = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? "",
    text: match[2] ?? "",
    start: match.index,
    end: match.index + match[0].length,
  }));
  return fences.flatMap(({ language, text, end }, index) => {
    if (language === "text") return [];
    const next = fences[index + 1];
    const follows = next?.language === "text" && readme.slice(end, next.start).trim() === "";
    return [{ language, text, output: follows ? next.text : null }];
  });
}

export interface Place {
  url: string;
  home: string;
  apiKey: string;
  adminKey: string;
}

/** Runs a `sh` or `js` block against a cell and answers what it prints. Rejects when it fails. */
export function runBlock({ language, text }: Block, place: Place): Promise<string> {
  const here = text.replaceAll("http://127.0.0.1:8787", place.url).replaceAll(".bailiwick/", `${place.home}/`);
  // Beside the project's packages, so that imports resolve as they would for a reader.
  const file = join(ROOT, `.cache-readme-${process.pid}-${language}.${language === "js" ? "mjs" : "sh"}`);
  writeFileSync(file, language === "js" ? here : `set -euo pipefail\n${here}`);
  const command = language === "js" ? (nodeBinary() ?? process.execPath) : "bash";
  return new Promise((resolve, reject) => {
    const env = { ...process.env, BAILIWICK_KEY: place.apiKey, BAILIWICK_ADMIN_KEY: place.adminKey };
    execFile(command, [file], { cwd: ROOT, env, timeout: 60_000 }, (error, stdout, stderr) => {
      rmSync(file, { force: true });
      if (error) reject(new Error(`${error.message}\n${stderr}`));
      else resolve(stdout);
    });
  });
}
