import type { Span } from "../../shared/contracts/ports/telemetry.ts";

/** Runs one step of a call under a span of its own, which ends as the step does. */
export function step<T>(parent: Span, name: string, work: () => Promise<T>): Promise<T> {
  const span = parent.child(name);
  // A span that nobody records is its own child: there is nothing to end, and so nothing to wait for.
  return span === parent ? work() : within(span, work);
}

async function within<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    const done = await work();
    span.end("ok");
    return done;
  } catch (thrown) {
    span.end("error");
    throw thrown;
  }
}

/** The same of a step that waits for nothing. */
export function stepNow<T>(parent: Span, name: string, work: () => T): T {
  const span = parent.child(name);
  try {
    const done = work();
    span.end("ok");
    return done;
  } catch (thrown) {
    span.end("error");
    throw thrown;
  }
}
