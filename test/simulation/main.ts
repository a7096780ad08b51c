import { useHashing } from "../../shared/crypto/hashing.ts";
import { DEFECTS } from "./defects/defects.ts";
import { realNowMs } from "./world/virtual-time.ts";

const given = (name: string): string | null => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? null : (process.argv[at + 1] ?? "");
};
const number = (name: string): number | null => {
  const text = given(name);
  return text === null ? null : Number(text);
};
const flag = (name: string): boolean => process.argv.includes(`--${name}`);
const print = (text: string) => void process.stdout.write(`${text}\n`);
const LINES = 60;

/** Runs seeds one after another and tells of each that failed; answers how many did. */
async function run(from: number, count: number, alone: boolean): Promise<number> {
  // What is loaded from here on is the product: with the defect, if there is one.
  const { simulate } = await import("./simulate.ts");
  const { nativeHashing } = await import("../../functions/entry/native-hashing.ts");
  useHashing(nativeHashing);
  const beganMs = realNowMs();
  const began = process.cpuUsage();
  let failed = 0;
  let done = 0;
  for (let seed = from; seed < from + count; seed++) {
    const { violations, lines, digest, events, met } = await simulate(seed);
    done++;
    if (flag("digests")) print(`${seed} ${digest}`);
    if (violations.length > 0) {
      failed++;
      print(lines.slice(alone ? 0 : -LINES).join("\n"));
      for (const { invariant, detail } of violations) print(`seed ${seed}: ${invariant}: ${detail}`);
      print(`replay: npm run simulate -- --seed ${seed}${given("defect") ? ` --defect ${given("defect")}` : ""}`);
      if (flag("first")) break;
    } else if (alone)
      print(`${lines.join("\n")}\nseed ${seed}: ${events} events, ${JSON.stringify(met)}, history ${digest}`);
    if (!alone && done % 25 === 0) print(`… ${done} of ${count}`);
  }
  const seconds = (realNowMs() - beganMs) / 1_000;
  const cpu = process.cpuUsage(began);
  const cpuS = (cpu.user + cpu.system) / 1_000_000 / done;
  print(
    `${done} seeds, ${failed} failed, ${(done / seconds).toFixed(2)} seeds a second, ${cpuS.toFixed(2)} s of processor each`,
  );
  return failed;
}

const seed = number("seed");
const from = seed ?? number("from") ?? 1;
if (flag("defects")) {
  const { findAll } = await import("./defects/find.ts");
  process.exitCode = (await findAll(from, number("seeds") ?? 60, print)) ? 0 : 1;
} else {
  const name = given("defect");
  const defect = DEFECTS.find((one) => one.name === name);
  if (name !== null && defect === undefined) throw new Error(`no defect ${name}`);
  const planting = defect === undefined ? null : (await import("./defects/plant.ts")).plant(defect);
  const failed = await run(from, seed === null ? (number("seeds") ?? 20) : 1, seed !== null);
  if (planting?.planted() === false) throw new Error(`${name}: its module was never loaded`);
  process.exitCode = failed > 0 ? 1 : 0;
}
