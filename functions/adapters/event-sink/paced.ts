import type { EventSink } from "../../../shared/contracts/ports/event-sink.ts";

export interface Pace {
  /** Share of the time that deliveries may take, in (0, 1]. */
  share: number;
  restMsMax: number;
  /** Milliseconds of a clock that only goes forward. */
  nowMs(): number;
  pause(ms: number): Promise<void>;
}

/**
 * Delivers one batch at a time and rests between, so that read models never take the processor from calls on one small
 * machine. Under load they fall behind, by what the ledger keeps anyway, and catch up afterwards.
 */
export function pacedEventSink(sink: EventSink, { share, restMsMax, nowMs, pause }: Pace): EventSink {
  let turn: Promise<void> = Promise.resolve();
  return {
    deliver(tenant, rows) {
      let tookMs = 0;
      const delivered = turn.then(async () => {
        const startedMs = nowMs();
        try {
          await sink.deliver(tenant, rows);
        } finally {
          tookMs = nowMs() - startedMs;
        }
      });
      const rest = () => pause(Math.min(restMsMax, tookMs * (1 / share - 1)));
      turn = delivered.then(rest, rest);
      return delivered;
    },
  };
}
