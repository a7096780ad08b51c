import type { Change } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Call } from "../../context.ts";

/** A change of keys: what comes of it is in the hands of the caller, of those they act for and of whoever made their credential. */
export const keyChange = ({ access, by, actor, madeBy }: Pick<Call, "access" | "by" | "actor" | "madeBy">): Change => ({
  access,
  by,
  made_by: [...madeBy, ...actor.act.map(({ subject }) => subject)],
});
