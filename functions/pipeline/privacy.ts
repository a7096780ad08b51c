import { PRIVACY_MODES, PrivacyMode, stricterPrivacy } from "../../shared/contracts/decision.ts";
import { ProblemError } from "../problem.ts";

/** The mode in force: the tenant's, or a stricter one that the caller asks for. Asking for a looser one is refused. */
export function privacyOf(asked: string | null, tenant: PrivacyMode): PrivacyMode {
  if (asked === null) return tenant;
  const parsed = PrivacyMode.safeParse(asked);
  if (!parsed.success)
    throw new ProblemError("invalid-request", {
      detail: `Privacy is one of ${PRIVACY_MODES.join(", ")}.`,
      param: "x-bailiwick-privacy",
    });
  if (stricterPrivacy(parsed.data, tenant) !== parsed.data)
    throw new ProblemError("privacy-loosened", {
      detail: `The tenant's mode is ${tenant}.`,
      param: "x-bailiwick-privacy",
    });
  return parsed.data;
}
