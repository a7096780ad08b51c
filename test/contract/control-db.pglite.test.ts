import { pgliteHarness } from "../support/control-db.ts";
import { controlDbContract } from "./control-db.contract.ts";

controlDbContract("PGlite in a thread", pgliteHarness());
