import { LedgerPage, LedgerQuery } from "../../../shared/contracts/http/ledger.ts";
import { READ } from "../input.ts";
import { type Operation, operation, value } from "../operation.ts";
import { CELL_LOG, type LogFace, TENANT_LOG } from "./log-face.ts";

const listOf = (face: LogFace, aliases: readonly string[] = []): Operation =>
  operation({
    ...READ,
    id: `${face.id}.list`,
    path: `${face.path}/entries`,
    aliases,
    action: face.action,
    gate: "governed",
    credential: face.credential,
    query: LedgerQuery,
    success: [200, LedgerPage, `Entries of ${face.whose} hash-chained log, oldest first, with its size and head.`],
    problems: [],
    summary: `Read ${face.whose} ledger`,
    tag: "Ledger",
    resource: { kind: "ledger" },
    async execute(deps, call) {
      const { from, limit } = call.query;
      const { entries, size, head } = await face.open(deps, call).page({ from, limit });
      const next = from + entries.length;
      const more = next < size;
      return value({ object: "list", data: entries, has_more: more, next_from: more ? next : null, size, head });
    },
  });

/** Unpublished entries too: what the log's own database says, before anybody can prove it. */
export const listLedger = listOf(TENANT_LOG, ["/v1/ledger"]);
export const listCellLedger = listOf(CELL_LOG);
