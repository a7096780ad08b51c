import { host } from "./host.ts";

interface Until {
  /** Failures to start that the operator can mend, told as one line; anything else is a bug and keeps its stack. */
  expected: readonly (new (
    ...of: never[]
  ) => Error)[];
  /** Said when the first signal comes. */
  stopping?(): void;
}

/**
 * Starts a process and has it stop at the first signal: exit code 0 once `start`'s answer has resolved, 1 where it could
 * not start or stop. A second signal does not wait (130).
 */
export async function untilSignal(
  start: () => Promise<() => Promise<void>>,
  { expected, stopping = () => {} }: Until,
): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`bailiwick: ${line}\n`);
  try {
    const stop = await start();
    let asked = false;
    host.onSignal(() => {
      if (asked) host.exit(130);
      asked = true;
      stopping();
      stop().then(
        () => host.exit(0),
        (cause: unknown) => {
          say(`could not stop cleanly: ${cause instanceof Error ? cause.message : String(cause)}`);
          host.exit(1);
        },
      );
    });
  } catch (cause) {
    if (!(cause instanceof Error && expected.some((kind) => cause instanceof kind))) throw cause;
    say(cause.message);
    host.exit(1);
  }
}
