/** Time as the exporter needs it. */
export interface ExportTimer {
  /** null where timers end with their request (workerd): only `flush` sends there. */
  later: ((ms: number, run: () => void) => void) | null;
  /** Resolves after `ms` or when `signal` aborts; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** In [0, 1): spreads retries of many isolates. */
  random(): number;
}

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(finish, ms);
    function finish() {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    }
    if (signal.aborted) finish();
    else signal.addEventListener("abort", finish, { once: true });
  });

/** For hosts whose timers outlive a request: Deno and Node. */
export const hostTimer: ExportTimer = {
  later: (ms, run) => {
    setTimeout(run, ms);
  },
  sleep,
  random: () => Math.random(),
};

/** For workerd: `waitUntil(telemetry.flush(…))` sends, inside the request that it belongs to. */
export const requestTimer: ExportTimer = { ...hostTimer, later: null };
