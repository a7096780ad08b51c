/** What a driver or socket calls a failure: `ECONNREFUSED`, `28P01`. */
const CODE = /^[A-Z0-9_]{2,32}$/;

/**
 * Why a database does not answer, for operators: the code that driver or socket gave, of the error or of its causes. Never
 * a message, which may hold an address or a name.
 */
export function awayFor(cause: unknown): { code: string } | Record<string, never> {
  for (let at: unknown = cause, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++)
    if ("code" in at && typeof at.code === "string" && CODE.test(at.code)) return { code: at.code };
  return {};
}
