import { ExportQuery } from "../../../shared/contracts/http/evidence.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { TILE_WIDTH } from "../../../shared/crypto/log/tiles.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Call, Deps } from "../../context.ts";
import { type ExportPeriod, exportFiles, type PublishedLog } from "../../evidence/export-files.ts";
import { keysDocument } from "../../evidence/keys-document.ts";
import { ocsfEvent } from "../../evidence/ocsf.ts";
import { tarOf } from "../../evidence/tar.ts";
import { READ } from "../input.ts";
import { type Operation, operation, type Reply } from "../operation.ts";
import { archivedLog } from "./archived-log.ts";
import { archiveOf, evidenceCall, evidencePending, prefixOf, refuseHalted, signerOf } from "./evidence-parts.ts";
import { CELL_LOG, type LogFace, TENANT_LOG } from "./log-face.ts";
import { periodOf, refuseTooLarge } from "./period-of.ts";
import { streamReply } from "./stream-reply.ts";

interface Exported {
  period: ExportPeriod;
  log: PublishedLog;
}

/** What a period holds, all of it published. Throws `evidence-pending` while it is not. */
async function published(deps: Deps, call: Call, face: LogFace, query: ExportQuery): Promise<Exported> {
  const archive = archiveOf(deps);
  const generatedMs = deps.clock.now();
  const asked = periodOf(query, generatedMs);
  const source = face.open(deps, call);
  refuseHalted(await source.state());
  const { origin, checkpoint, first, count, pending } = await source.period(asked);
  if (pending !== null) throw evidencePending(pending.retry_after_ms);
  if (checkpoint === null) throw evidencePending(LIMITS.evidenceRetryMs);
  const log = archivedLog(archive, prefixOf(deps, source.name), checkpoint.size);
  const period: ExportPeriod = {
    origin,
    fromMs: asked.from_ms,
    toMs: asked.to_ms,
    first,
    count,
    size: checkpoint.size,
    note: checkpoint.note,
    dsse: checkpoint.dsse,
    generatedMs,
    cell: deps.cell.id,
    jurisdiction: deps.cell.jurisdiction,
    worm: archive.placement.worm,
  };
  return { period, log };
}

const exportOf = (face: LogFace): Operation =>
  operation({
    ...READ,
    id: `${face.id}.export`,
    path: `${face.path}/export`,
    action: face.action,
    gate: "governed",
    credential: face.credential,
    kind: "binary",
    query: ExportQuery,
    success: [200, null, "A signed ustar archive of the period (docs/ledger.md §5), streamed.", "application/x-tar"],
    problems: ["evidence-pending", "evidence-unavailable", "limit-reached", "overloaded"],
    summary: `Export a period of ${face.whose} log`,
    tag: "Ledger",
    resource: { kind: "ledger" },
    async execute(deps, call) {
      const { period, log } = await published(deps, call, face, call.query);
      return call.query.format === "ocsf" ? ocsfReply(deps, call, period, log) : tarReply(deps, call, period, log);
    },
  });

async function tarReply(deps: Deps, call: Call, period: ExportPeriod, log: PublishedLog): Promise<Reply> {
  const signer = signerOf(deps);
  const keys = keysDocument(deps.cell.id, deps.ledgerOrigin, await evidenceCall(signer.keys()));
  await evidenceCall(refuseTooLarge(period, log));
  const files = exportFiles(period, log, JSON.stringify(keys), (statement) => signer.signStatement(statement));
  const pieces = tarOf(files, Math.floor(period.generatedMs / 1000));
  return streamReply(deps, call, "application/x-tar", pieces, { "content-disposition": attachment(period, "tar") });
}

function ocsfReply(deps: Deps, call: Call, period: ExportPeriod, log: PublishedLog): Reply {
  const headers = { "content-disposition": attachment(period, "ocsf.jsonl") };
  return streamReply(deps, call, "application/jsonl", ocsfLines(period, log), headers);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The period's own entries, a bundle at a time. */
async function* ocsfLines({ origin, first, count }: ExportPeriod, log: PublishedLog): AsyncGenerator<Uint8Array> {
  const end = first + count;
  for (let from = first; from < end; ) {
    const until = Math.min(end, (Math.floor(from / TILE_WIDTH) + 1) * TILE_WIDTH);
    const lines = (await log.entries(from, until)).map(
      (entry) => `${JSON.stringify(ocsfEvent(origin, decoder.decode(entry)))}\n`,
    );
    yield utf8(lines.join(""));
    from = until;
  }
}

/** Names the period, and nobody. */
const attachment = ({ fromMs, toMs }: ExportPeriod, extension: string): string => {
  const compact = (ms: number) => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, "");
  return `attachment; filename="ledger-${compact(fromMs)}-${compact(toMs)}.${extension}"`;
};

export const exportLedger = exportOf(TENANT_LOG);
export const exportCellLedger = exportOf(CELL_LOG);
