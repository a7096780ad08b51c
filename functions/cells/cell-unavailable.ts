import type { CellEntry } from "../../shared/contracts/cell-directory.ts";
import { ProblemError } from "../problem.ts";

/** What kind of failure a cell that did not answer is. */
export type Unreachable = "refused" | "failed" | "timeout";

/** Whether no byte of the call can have reached the cell. */
export function refusedToConnect(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const inner = cause.cause instanceof Error ? cause.cause : cause;
  return (
    ("code" in inner && inner.code === "ECONNREFUSED") || /connection refused/i.test(inner.message + cause.message)
  );
}

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** 503 with the cell's name. What may have begun there is not asked for again by itself, unless the cell would notice. */
export function cellUnavailable(
  cell: CellEntry,
  { method, headers }: Pick<Request, "method" | "headers">,
  kind: Unreachable,
): ProblemError {
  const repeatable = kind === "refused" || SAFE.has(method) || headers.has("idempotency-key");
  return new ProblemError("cell-unavailable", {
    detail: `The cell ${cell.id} does not answer. No other cell takes its calls.`,
    retryAfterMs: 1_000,
    headers: repeatable ? {} : { "x-should-retry": "false" },
    members: { cell: cell.id, jurisdiction: cell.jurisdiction },
  });
}
