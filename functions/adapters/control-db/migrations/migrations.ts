import type { SchemaMigration } from "../migrate.ts";
import { roles } from "./0001-roles.ts";
import { scopes } from "./0002-scopes.ts";
import { outbox } from "./0003-outbox.ts";
import { readModels } from "./0004-read-models.ts";
import { retention } from "./0005-retention.ts";
import { noInbox } from "./0006-no-inbox.ts";
import { retentionOfTheRest } from "./0007-retention-of-the-rest.ts";

/** The whole schema in order. Append only: a released step is never edited (the runner refuses it). */
export const MIGRATIONS: readonly SchemaMigration[] = [
  roles,
  scopes,
  outbox,
  readModels,
  retention,
  noInbox,
  retentionOfTheRest,
];
