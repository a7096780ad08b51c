import { EffectPostponed } from "./object-class.ts";

/**
 * Performs effects of one object at the same time, each again every `pauseMs` while another one still works: a receiver
 * that is slow or away holds up nothing but itself. Ends when none works any more, and then rejects with all that failed:
 * with `EffectPostponed` if each of them was. An effect that failed is not begun again.
 */
export async function sideBySide(effects: readonly (() => Promise<void>)[], pauseMs: number): Promise<void> {
  const causes: unknown[] = [];
  let postponed = true;
  let working = 0;
  let ended = (): void => {};
  const allEnded = new Promise<void>((resolve) => {
    ended = resolve;
  });

  async function repeat(effect: () => Promise<void>): Promise<void> {
    for (;;) {
      working++;
      try {
        await effect();
      } catch (cause) {
        if (cause instanceof EffectPostponed) causes.push(...cause.causes);
        else {
          causes.push(cause);
          postponed = false;
        }
        return;
      } finally {
        if (--working === 0) ended();
      }
      if (working === 0) return;
      await pause(pauseMs, allEnded);
      if (working === 0) return;
    }
  }

  await Promise.all(effects.map(repeat));
  if (causes.length === 0) return;
  if (postponed) throw new EffectPostponed(causes);
  throw causes.length === 1 ? causes[0] : new AggregateError(causes, "effects failed");
}

/** Resolves after the pause, or as soon as `early` does. */
async function pause(ms: number, early: Promise<void>): Promise<void> {
  let cancel = (): void => {};
  const timer = new Promise<void>((resolve) => {
    const id = setTimeout(resolve, ms);
    cancel = () => clearTimeout(id);
  });
  await Promise.race([timer, early]);
  cancel();
}
