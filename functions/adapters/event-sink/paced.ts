import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { EventSink } from "../../../shared/contracts/ports/event-sink.ts";

export interface Pace {
  clock: Clock;
  /** Milliseconds of a clock that only goes forward. */
  nowMs(): number;
  /** Processor time that this process has used, all threads, in milliseconds. */
  cpuMs(): number;
  pause(ms: number): Promise<void>;
}

/** Share of the time that deliveries take while the process has little else to do, and while calls keep it busy. */
const CALM_SHARE = 0.5;
const BUSY_SHARE = 0.06;
/** Busy is who uses more than half a core while no delivery runs. */
const BUSY_LOAD = 0.5;
/** What timers can tell. */
const REST_MS_MIN = 1;
/** A rest looks at the load so often: what catches up begins soon after the calls have ended. */
const LOOK_MS = 250;

/**
 * Delivers one batch at a time and rests between, so that read models never take the processor from calls on one small
 * machine. Under load they fall behind, by what the ledger keeps anyway; the older the oldest event, the larger their
 * share, and from `feedLagMsMax` on they do not rest: the lag stays bounded as long as they can keep up at all.
 */
export function pacedEventSink(sink: EventSink, { clock, nowMs, cpuMs, pause }: Pace): EventSink {
  let turn: Promise<void> = Promise.resolve();

  async function rest(tookMs: number, lagMs: number): Promise<void> {
    const startedMs = nowMs();
    const shareMin = Math.min(1, Math.max(0, lagMs) / LIMITS.feedLagMsMax);
    // The shortest rest shows the load that the longer one depends on.
    let share = Math.max(shareMin, CALM_SHARE);
    for (;;) {
      const leftMs = tookMs * (1 / share - 1) - (nowMs() - startedMs);
      if (leftMs < REST_MS_MIN) return;
      const [atMs, usedMs] = [nowMs(), cpuMs()];
      await pause(Math.min(leftMs, LOOK_MS));
      const load = (cpuMs() - usedMs) / Math.max(nowMs() - atMs, 1);
      share = Math.max(shareMin, load < BUSY_LOAD ? CALM_SHARE : BUSY_SHARE);
    }
  }

  return {
    deliver(tenant, rows, behind) {
      let tookMs = 0;
      const delivered = turn.then(async () => {
        const startedMs = nowMs();
        try {
          await sink.deliver(tenant, rows, behind);
        } finally {
          tookMs = nowMs() - startedMs;
        }
      });
      const next = () => rest(tookMs, clock.now() - (rows[0]?.at_ms ?? clock.now()));
      turn = delivered.then(next, next);
      return delivered;
    },
  };
}
