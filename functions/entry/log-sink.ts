export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** Writes the lines of at least the given level. */
export function logSink(least: (typeof LOG_LEVELS)[number], write: (line: string) => void): (line: string) => void {
  const written: readonly string[] = LOG_LEVELS.slice(LOG_LEVELS.indexOf(least));
  return (line) => {
    const level = /"level":"(\w+)"/.exec(line)?.[1];
    if (level !== undefined && written.includes(level)) write(line);
  };
}
