import {
  type ObjectGetOptions,
  type ObjectPutOptions,
  type ObjectStore,
  ObjectStoreUnavailable,
} from "../../../shared/contracts/ports/object-store.ts";
import { ok } from "../../../shared/contracts/result.ts";
import type { MemoryObjectStore } from "../../support/memory-object-store.ts";
import { type Path, remotePort } from "../world/network.ts";
import type { Process, World } from "../world/world.ts";

const PIECE_BYTES = 16 * 1024;

const archivePath: Path = {
  ...{ name: "archive", lost: 0.015, slow: 0.03 },
  failure: (why) => new ObjectStoreUnavailable(why),
};

/** The object store as one process reaches it: writes whole or absent, answers late, lost or after others. `done` is told of what was carried out before the process is. */
export function archiveFor(
  world: World,
  store: MemoryObjectStore,
  keeper: Process,
  done: (method: string) => void = () => {},
): ObjectStore {
  const remote = remotePort<Pick<ObjectStore, "put" | "get" | "head" | "list" | "delete" | "check">>(
    world,
    { ...archivePath, done },
    () => ({ process: keeper, port: store }),
  );
  return {
    placement: store.placement,
    check: (options) => remote.check(options),
    put: (key, bytes, options) => remote.put(key, bytes, options),
    get: async (key, options) => ranged(await remote.get(key, whole(options)), options),
    head: (key, options) => remote.head(key, options),
    list: (prefix, options) => remote.list(prefix, options),
    delete: (key, options) => remote.delete(key, options),
    async putStream(key, source, options: ObjectPutOptions = {}) {
      const pieces: Uint8Array[] = [];
      for await (const piece of source) pieces.push(piece.slice());
      const bytes = new Uint8Array(Buffer.concat(pieces));
      const kept = await remote.put(key, bytes, options);
      return kept.ok ? ok({ ...kept.value, size: bytes.byteLength }) : kept;
    },
    async getStream(key, options) {
      const found = ranged(await remote.get(key, whole(options)), options);
      if (!found.ok) return found;
      const { bytes, ...state } = found.value;
      const breaksAt = world.faults && world.random.chance(0.02) ? world.random.below(bytes.byteLength + 1) : null;
      let at = 0;
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull(controller) {
          if (breaksAt !== null && at >= breaksAt) return controller.error(archivePath.failure("the stream broke"));
          if (at >= bytes.byteLength) return controller.close();
          const piece = bytes.slice(at, at + PIECE_BYTES);
          at += piece.byteLength;
          controller.enqueue(piece);
        },
      });
      return ok({ ...state, body });
    },
  };
}

const whole = (options: ObjectGetOptions | undefined): ObjectGetOptions =>
  options?.version === undefined ? {} : { version: options.version };

type Found = Awaited<ReturnType<ObjectStore["get"]>>;
function ranged(found: Found, options: ObjectGetOptions | undefined): Found {
  if (!found.ok || options?.range === undefined) return found;
  const { offset, length } = options.range;
  return ok({ ...found.value, bytes: found.value.bytes.slice(offset, offset + length) });
}
