export interface Driven {
  calls: number;
  cpuUs: number;
  elapsedMs: number;
  latenciesMs: number[];
}

/** Calls as fast as they are answered, so many at once, until the call answers false. */
export async function drive(concurrency: number, call: (at: number) => Promise<boolean>): Promise<Driven> {
  const started = performance.now();
  const cpu = process.cpuUsage();
  const latenciesMs: number[] = [];
  let next = 0;
  const worker = async () => {
    for (;;) {
      const from = performance.now();
      if (!(await call(next++))) return;
      latenciesMs.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const { user, system } = process.cpuUsage(cpu);
  return { calls: latenciesMs.length, cpuUs: user + system, elapsedMs: performance.now() - started, latenciesMs };
}
