import { describe } from "vitest";
import { postgresBinaries, postgresHarness } from "../support/control-db.ts";
import { controlDbContract } from "./control-db.contract.ts";

const bin = postgresBinaries();
if (bin === null)
  describe.skip("ControlDb: PostgreSQL (none on this machine, and none could be installed)", () => undefined);
else controlDbContract("PostgreSQL", await postgresHarness(bin));
