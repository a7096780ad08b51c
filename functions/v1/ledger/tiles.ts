import { TilePathParams } from "../../../shared/contracts/http/evidence.ts";
import { entriesPath, parseTilePath, TILE_WIDTH, type TilePath, tilePath } from "../../../shared/crypto/log/tiles.ts";
import { ProblemError } from "../../problem.ts";
import { READ } from "../input.ts";
import { type Operation, operation, type Reply } from "../operation.ts";
import { archived } from "./archived-log.ts";
import { archiveOf, evidenceCall, prefixOf } from "./evidence-parts.ts";
import { CELL_LOG, type LogFace, TENANT_LOG } from "./log-face.ts";

const common = ({ action, credential }: LogFace) =>
  ({ ...READ, action, gate: "governed", credential, tag: "Ledger", kind: "binary" }) as const;

/** The signed note that was published last. */
const checkpointOf = (face: LogFace): Operation =>
  operation({
    ...common(face),
    id: `${face.id}.checkpoint`,
    path: `${face.path}/checkpoint`,
    success: [200, null, "The newest published checkpoint, a C2SP signed note.", "text/plain"],
    problems: ["not-found", "evidence-unavailable"],
    summary: `Read the checkpoint of ${face.whose} log`,
    resource: { kind: "ledger" },
    async execute(deps, call): Promise<Reply> {
      archiveOf(deps);
      const { published } = await face.open(deps, call).state();
      if (published === null) throw new ProblemError("not-found", { detail: "Nothing is published yet." });
      const headers = { "cache-control": "private, no-cache" };
      return { kind: "bytes", status: 200, contentType: "text/plain; charset=utf-8", body: published.note, headers };
    },
  });

/** A tile is what its path says for ever: who may read it now may keep it. */
const IMMUTABLE = { "cache-control": "private, max-age=31536000, immutable" };

const tileOf = (face: LogFace): Operation =>
  operation({
    ...common(face),
    id: `${face.id}.tile`,
    path: `${face.path}/tile/{path}`,
    tail: true,
    params: TilePathParams,
    success: [200, null, "A tile of hashes, or a bundle of entries (C2SP tlog-tiles).", "application/octet-stream"],
    problems: ["not-found", "evidence-unavailable"],
    summary: `Read a tile of ${face.whose} log`,
    resource: { kind: "ledger" },
    async execute(deps, call): Promise<Reply> {
      const archive = archiveOf(deps);
      const log = face.open(deps, call);
      const { published } = await log.state();
      const tile = parseTilePath(`tile/${call.params.path}`);
      if (tile === null || !within(tile, published?.size ?? 0)) throw new ProblemError("not-found");
      const path = tile.kind === "tile" ? tilePath(tile) : entriesPath(tile);
      const body = await evidenceCall(archived(archive, `${prefixOf(deps, log.name)}${path}`));
      if (body === null) throw new ProblemError("not-found");
      return { kind: "bytes", status: 200, contentType: "application/octet-stream", body, headers: IMMUTABLE };
    },
  });

/** Whether a checkpoint of `size` covers everything in the tile: what lies beyond is not published, wherever it is. */
const within = (tile: TilePath, size: number): boolean =>
  (tile.n * TILE_WIDTH + tile.width) * TILE_WIDTH ** (tile.kind === "tile" ? tile.level : 0) <= size;

export const [readCheckpoint, readTile] = [checkpointOf(TENANT_LOG), tileOf(TENANT_LOG)];
export const [readCellCheckpoint, readCellTile] = [checkpointOf(CELL_LOG), tileOf(CELL_LOG)];
