import { spawn } from "node:child_process";
import type { Defect } from "./defect.ts";
import { DEFECTS } from "./defects.ts";

/** Which seed found a defect, and by which invariant; null: none of those that were tried. */
export interface Found {
  defect: string;
  seed: number | null;
  invariant: string;
}

const FOUND = /^seed (\d+): ([^:]+):/m;

/** Runs seeds with the defect in a process of its own until one finds it. */
export async function findDefect({ name, slow, moves }: Defect, from: number, seeds: number): Promise<Found> {
  const main = `${import.meta.dirname}/../main.ts`;
  const args = [
    main,
    "--defect",
    name,
    "--from",
    String(from),
    "--seeds",
    String(seeds),
    "--first",
    ...(slow ? ["--slow"] : []),
    ...(moves ? ["--moves"] : []),
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  await new Promise((resolve) => child.on("close", resolve));
  const [, seed, invariant = ""] = FOUND.exec(text) ?? [];
  if (seed === undefined && !/ seeds, 0 failed/.test(text)) throw new Error(`${name}: ${text.slice(-400)}`);
  return { defect: name, seed: seed === undefined ? null : Number(seed), invariant };
}

/** The table of all defects, line by line as they are found; answers whether every one was. */
export async function findAll(from: number, seeds: number, print: (line: string) => void): Promise<boolean> {
  let all = true;
  print("| defect | what goes wrong | seed | invariant |\n|---|---|---|---|");
  for (const defect of DEFECTS) {
    const found = await findDefect(defect, from, seeds);
    all &&= found.seed !== null;
    print(
      `| ${defect.name} | ${defect.harm} | ${found.seed ?? "not found"}${defect.slow ? ", slow" : ""}${defect.moves ? ", moves" : ""} | ${found.invariant} |`,
    );
  }
  return all;
}
