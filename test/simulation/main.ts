import { realNowMs } from "./world/virtual-time.ts";

const { simulate } = await import("./simulate.ts");

const argument = (name: string): number | null => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? null : Number(process.argv[at + 1]);
};

const one = argument("seed");
const from = one ?? argument("from") ?? 1;
const count = one === null ? (argument("seeds") ?? 20) : 1;
const history = process.argv.includes("--history") || one !== null;
const beganMs = realNowMs();
let failed = 0;
for (let seed = from; seed < from + count; seed++) {
  const outcome = await simulate(seed);
  const { violations, lines, digest, events, met } = outcome;
  if (process.argv.includes("--digests")) process.stdout.write(`${seed} ${digest}\n`);
  if (violations.length > 0) {
    failed++;
    process.stdout.write(`${lines.slice(history ? 0 : -40).join("\n")}\n`);
    for (const { invariant, detail } of violations) process.stdout.write(`seed ${seed}: ${invariant}: ${detail}\n`);
    process.stdout.write(`replay: npm run simulate -- --seed ${seed}\n`);
  } else if (one !== null)
    process.stdout.write(
      `${lines.join("\n")}\nseed ${seed}: ${events} events, ${JSON.stringify(met)}, history ${digest}\n`,
    );
}
const seconds = (realNowMs() - beganMs) / 1_000;
process.stdout.write(`${count} seeds, ${failed} failed, ${(count / seconds).toFixed(1)} seeds a second\n`);
process.exitCode = failed > 0 ? 1 : 0;
