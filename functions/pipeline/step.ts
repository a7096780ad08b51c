import type { Span } from "../../shared/contracts/ports/telemetry.ts";

/** Runs one step of a call under a span of its own, which ends as the step does. */
export async function step<T>(parent: Span, name: string, work: () => Promise<T>): Promise<T> {
  const span = parent.child(name);
  try {
    const done = await work();
    span.end("ok");
    return done;
  } catch (thrown) {
    span.end("error");
    throw thrown;
  }
}
