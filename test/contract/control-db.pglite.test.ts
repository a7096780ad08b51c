import { afterAll } from "vitest";
import { pgliteHarness } from "../support/control-db.ts";
import { controlDbContract } from "./control-db.contract.ts";
import { controlRepositoryContract } from "./control-repository.contract.ts";
import { controlRetentionContract } from "./control-retention.contract.ts";
import { eventSinkContract } from "./event-sink.contract.ts";

const name = "PGlite in a thread";
const harness = pgliteHarness();
afterAll(() => harness.stop(), 60_000);
controlDbContract(name, harness);
controlRepositoryContract(name, harness);
eventSinkContract(name, harness);
controlRetentionContract(name, harness);
