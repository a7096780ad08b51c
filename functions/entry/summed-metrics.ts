import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { Telemetry } from "../../shared/contracts/ports/telemetry.ts";

/**
 * Metrics of a cell that runs in many isolates: what each counted is added up in the cell's object, so that whichever
 * isolate is asked answers for all of them. Nothing is told on a call's way. An isolate that ends takes along what it had
 * not told yet; a word whose answer was lost is told again, and may count twice. Gauges are of the isolate that answers.
 */
export function summedMetrics(
  telemetry: Pick<Telemetry, "sums" | "exposition" | "log">,
  cell: Pick<CellStore, "count">,
) {
  const told = new Map<string, number>();

  /** Tells what is new and answers the sums of all isolates. Any number at a time. Rejects as the object does. */
  async function tell(): Promise<Record<string, number>> {
    const news: Record<string, number> = {};
    for (const [name, value] of telemetry.sums()) {
      const more = value - (told.get(name) ?? 0);
      // A sum of seconds may lose its last bits; less than nothing is none.
      if (more > 0) news[name] = more;
    }
    const move = (sign: 1 | -1): void => {
      for (const [name, more] of Object.entries(news)) told.set(name, (told.get(name) ?? 0) + sign * more);
    };
    // Before it is sent: what runs at the same time does not tell it too.
    move(1);
    try {
      return await cell.count(news);
    } catch (cause) {
      move(-1);
      throw cause;
    }
  }

  return {
    tell,
    /** Text for all isolates; while the object does not answer, gauges alone: an isolate's own counters would look like a restart. */
    async exposition(): Promise<string> {
      const sums = await tell().catch((cause: unknown) => {
        telemetry.log.error("metrics.untold", cause);
        return {};
      });
      return telemetry.exposition(sums);
    },
  };
}
