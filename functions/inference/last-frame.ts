import { LIMITS } from "../../shared/contracts/limits.ts";

/** Between the last frame of a stream that failed and the end of its connection: the frame is out, and read by then. */
export const lastFrameOut = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LIMITS.lastFrameMs));
