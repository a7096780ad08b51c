const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[^\n]*\})?[ \t]+([^ \t\r\n]+)/gm;

/** Samples of a Prometheus text exposition, label sets of one name added up; what is no number is left out. */
export function sumsOf(exposition: string, names: ReadonlySet<string>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [, name, text] of exposition.matchAll(SAMPLE)) {
    if (name === undefined || !names.has(name)) continue;
    const value = Number(text);
    if (Number.isFinite(value)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return sums;
}
