import { ProblemError } from "../../problem.ts";

/** The refusal of what is no worker's proof, with the challenge that RFC 9110 §15.5.2 asks for. */
export const noWorker = (): ProblemError =>
  new ProblemError("unauthenticated", { headers: { "www-authenticate": "Bearer" } });
