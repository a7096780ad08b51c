import type { Operation } from "../operation.ts";

/** Whether a call may be kept until somebody approves it: what is asked must be something that people can look at. */
export const mayWait = ({ gate, media }: Pick<Operation, "gate" | "media">): boolean =>
  gate === "governed" && (media === null || media === "application/json");
