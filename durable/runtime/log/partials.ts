import { TILE_WIDTH, type Tile } from "../../../shared/crypto/log/tiles.ts";
import type { Sql } from "../sql.ts";

/** A tile, or at level −1 a bundle, whose partial forerunners are in the archive. */
export interface Partials {
  level: number;
  n: number;
}
export const BUNDLES_LEVEL = -1;

/** To be called before partial tiles are written, so that none is forgotten when we crash in between. */
export function notePartials(sql: Sql, tiles: readonly Tile[], untilMs: number): void {
  for (const { level, n, width } of tiles) {
    if (width === TILE_WIDTH) continue;
    keep(sql, { level, n }, untilMs);
    if (level === 0) keep(sql, { level: BUNDLES_LEVEL, n }, untilMs);
  }
}

/** Also when the store says that one of them is locked for longer. */
export const keepPartials = (sql: Sql, partials: Partials, untilMs: number): void => keep(sql, partials, untilMs);

function keep(sql: Sql, { level, n }: Partials, untilMs: number): void {
  sql.run(
    `INSERT INTO log_partial (level, n, until_ms) VALUES (?, ?, ?)
     ON CONFLICT (level, n) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)`,
    level,
    n,
    untilMs,
  );
}

/** Those that are unlocked and whose full tile is published, at most `max`. */
export function duePartials(sql: Sql, nowMs: number, published: number, max: number): Partials[] {
  return sql
    .all<{ level: number; n: number }>(
      "SELECT level, n FROM log_partial WHERE until_ms <= ? ORDER BY level, n LIMIT ?",
      nowMs,
      max + LEVELS_MAX,
    )
    .filter(({ level, n }) => (n + 1) * TILE_WIDTH ** (Math.max(level, 0) + 1) <= published)
    .slice(0, max);
}

/** Each level has at most one tile that is not full yet; seven levels and the bundles hold 2^53 entries. */
const LEVELS_MAX = 8;

export const forgetPartials = (sql: Sql, { level, n }: Partials): void => {
  sql.run("DELETE FROM log_partial WHERE level = ? AND n = ?", level, n);
};
