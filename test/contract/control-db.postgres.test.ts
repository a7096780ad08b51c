import { afterAll, describe } from "vitest";
import { postgresBinaries, postgresHarness } from "../support/control-db.ts";
import { controlDbContract } from "./control-db.contract.ts";
import { controlRepositoryContract } from "./control-repository.contract.ts";
import { controlRetentionContract } from "./control-retention.contract.ts";
import { eventSinkContract } from "./event-sink.contract.ts";

const name = "PostgreSQL";
const bin = postgresBinaries();
if (bin === null) describe.skip(`ControlDb: ${name} (no PostgreSQL on this machine)`, () => undefined);
else {
  const harness = await postgresHarness(bin);
  afterAll(() => harness.stop(), 60_000);
  controlDbContract(name, harness);
  controlRepositoryContract(name, harness);
  eventSinkContract(name, harness);
  controlRetentionContract(name, harness);
}
