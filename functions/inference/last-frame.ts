import { LIMITS } from "../../shared/contracts/limits.ts";

/**
 * Between the last frame of a stream that failed and the end of its connection: the frame is out, and read by then. In
 * steps, because a timer that fell due while the process was busy fires before what was written is sent.
 */
export async function lastFrameOut(): Promise<void> {
  const stepMs = LIMITS.lastFrameMs / LIMITS.lastFrameSteps;
  for (let step = 0; step < LIMITS.lastFrameSteps; step++) await new Promise((resolve) => setTimeout(resolve, stepMs));
}
