/** Calls off what was to happen: it never does afterwards. */
export type CallOff = () => void;

/** Has things happen once, `ms` milliseconds from now or a little later. */
export interface Timers {
  after(ms: number, work: () => void): CallOff;
}

/** One timer of the runtime for each. Runs everywhere: on Workers a timer belongs to the request that set it. */
export const ownTimers: Timers = {
  after(ms, work) {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

let inUse: Timers = ownTimers;

/** What this process waits with. */
export const timers = (): Timers => inUse;

/** An entry of a runtime whose timers belong to no request may put shared ones in place, once, before anything waits. */
export function useTimers(shared: Timers): void {
  inUse = shared;
}
