import { LIMITS } from "../../shared/contracts/limits.ts";

/**
 * Reads a body that its length has refused and keeps nothing of it, so that its sender comes to the end and reads the
 * answer: workerd ends a connection behind an answer while bytes still come, and 2 of 8 senders of 50 MB were told of a
 * broken pipe in its place. One longer than `LIMITS.unreadBodyBytesMax` is not read, nor for longer than
 * `LIMITS.unreadBodyMsMax`. Never rejects: who has left needs no answer.
 */
export async function letPass(body: ReadableStream<Uint8Array> | null, length: number): Promise<void> {
  if (body === null || length > LIMITS.unreadBodyBytesMax) return;
  const reader = body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, LIMITS.unreadBodyMsMax);
  });
  const whole = (async () => {
    while (!(await reader.read()).done);
  })();
  await Promise.race([whole.catch(() => undefined), late]);
  clearTimeout(timer);
  void reader.cancel().catch(() => undefined);
}
