import { ConstraintViolation, ControlDbUnavailable } from "../../../shared/contracts/ports/control-db.ts";

/** What every driver tells about a refused statement: SQLSTATE and, for class 23, the constraint. */
interface SqlError {
  code: string;
  constraint: string | null;
}

function sqlError(error: unknown): SqlError | null {
  if (typeof error !== "object" || error === null || !("code" in error) || typeof error.code !== "string") return null;
  // Five characters with a digit: "EPIPE" is a socket's code, not a SQLSTATE.
  if (!/^(?=.*\d)[0-9A-Z]{5}$/.test(error.code)) return null;
  const constraint = "constraint" in error && typeof error.constraint === "string" ? error.constraint : null;
  return { code: error.code, constraint };
}

/** Classes of errors that the statement's author caused: a bug, thrown as it is. PostgreSQL docs, appendix A. */
const BUGS = new Set(["07", "0A", "21", "26", "34", "42"]);
/** Schema or table missing, or the role setting refused: the database is not set up (yet), not a bad statement. */
const NOT_SET_UP = new Set(["42P01", "3F000", "22023", "42704"]);

/**
 * Data that Postgres refuses (class 22, 23, 44, or a row that row-level security forbids) is `ConstraintViolation`;
 * a malformed statement is the driver's error; everything else, sockets and timeouts included, is `ControlDbUnavailable`.
 */
export function mapError(error: unknown): Error {
  if (error instanceof ControlDbUnavailable || error instanceof ConstraintViolation) return error;
  const sql = sqlError(error);
  const unavailable = () => new ControlDbUnavailable("the control database does not answer", { cause: error });
  if (sql === null || NOT_SET_UP.has(sql.code)) return unavailable();
  const kind = sql.code.slice(0, 2);
  if (sql.code === "42501") return new ConstraintViolation("insufficient_privilege", { cause: error });
  if (kind === "22" || kind === "23" || kind === "44") {
    return new ConstraintViolation(sql.constraint ?? `sqlstate_${sql.code}`, { cause: error });
  }
  return BUGS.has(kind) && error instanceof Error ? error : unavailable();
}

/** SQLSTATE of an error or of its causes; null when Postgres did not send it. */
export function sqlStateOf(error: unknown): string | null {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1) {
    const sql = sqlError(at);
    if (sql !== null) return sql.code;
  }
  return null;
}
