export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** Writes the lines of at least the given level. */
export function logSink(least: (typeof LOG_LEVELS)[number], write: (line: string) => void): (line: string) => void {
  const from = LOG_LEVELS.indexOf(least);
  return (line) => {
    const level = /"level":"(\w+)"/.exec(line)?.[1];
    if (LOG_LEVELS.findIndex((known) => known === level) >= from) write(line);
  };
}
