import type { DatabaseSync } from "node:sqlite";
import { JobQueueUnavailable } from "../contracts/ports/job-queue.ts";

const VERSION = 2;

/**
 * `job`: a null `hidden_until_ms` is ready, anything else was handed out and comes back then. `turn`: every tenant with
 * a ready job, in the order in which they are served; a row without one is dropped when its turn comes. `dead`: places
 * are never used twice, so that a page can begin after a letter that is gone.
 */
const TABLES = `
CREATE TABLE job (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  tenant TEXT NOT NULL,
  traceparent TEXT NOT NULL,
  sent_ms INTEGER NOT NULL,
  hidden_until_ms INTEGER,
  deliveries INTEGER NOT NULL DEFAULT 0,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX job_ready ON job(queue, tenant, seq) WHERE hidden_until_ms IS NULL;
CREATE INDEX job_age ON job(queue, sent_ms) WHERE hidden_until_ms IS NULL;
CREATE INDEX job_hidden ON job(queue, hidden_until_ms) WHERE hidden_until_ms IS NOT NULL;
CREATE TABLE turn (
  place INTEGER PRIMARY KEY,
  queue TEXT NOT NULL,
  tenant TEXT NOT NULL,
  UNIQUE (queue, tenant)
) STRICT;
CREATE INDEX turn_order ON turn(queue, place);
CREATE TABLE dead (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  tenant TEXT NOT NULL,
  traceparent TEXT NOT NULL,
  reason TEXT NOT NULL,
  dead_ms INTEGER NOT NULL,
  body TEXT NOT NULL,
  sent_ms INTEGER,
  deliveries INTEGER
) STRICT;
CREATE INDEX dead_queue ON dead(queue, place);
CREATE INDEX dead_age ON dead(dead_ms);
PRAGMA user_version = ${VERSION};
`;

/** Files of version 1: their letters do not say when their jobs were sent. */
const FROM_1 = `
ALTER TABLE dead ADD COLUMN sent_ms INTEGER;
ALTER TABLE dead ADD COLUMN deliveries INTEGER;
PRAGMA user_version = ${VERSION};
`;

/** Makes the tables of a new file, or what an older one lacks. Rejects a file that a later release has changed, and leaves it as it is. */
export function migrateQueue(db: DatabaseSync, version: number): void {
  if (version > VERSION) throw new JobQueueUnavailable(`the queue's file has version ${version}, known is ${VERSION}`);
  if (version < VERSION) db.exec(version === 1 ? FROM_1 : TABLES);
}
