import type { SchemaMigration } from "../migrate.ts";

/** Every read model has a key under which a repeated event changes nothing: what arrived need not be remembered beside. */
export const noInbox: SchemaMigration = {
  id: 6,
  name: "no-inbox",
  statements: ["drop table event_inbox"],
};
