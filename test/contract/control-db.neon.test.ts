import { describe } from "vitest";
import { neonHarness, postgresBinaries } from "../support/control-db.ts";
import { controlDbContract } from "./control-db.contract.ts";

const bin = postgresBinaries();
if (bin === null) describe.skip("ControlDb: Neon over HTTP (no PostgreSQL behind the proxy)", () => undefined);
else controlDbContract("Neon over HTTP", await neonHarness(bin));
