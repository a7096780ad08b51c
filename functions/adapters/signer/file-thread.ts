import { parentPort, workerData } from "node:worker_threads";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { ThreadReply, ThreadRequest, ThreadStart } from "./file-protocol.ts";
import { formatKeyDocument } from "./key-document.ts";
import { keyFilePairs } from "./key-file.ts";
import { keySetSigner } from "./key-set.ts";
import { firstPair } from "./new-pair.ts";
import { signerService } from "./signer-service.ts";

// Runs in a thread of its own: an ML-DSA-65 signature takes 13 ms and now and then 90, and the cell's loop goes on. The
// seeds never leave this thread.
const port = parentPort;
if (port === null) throw new Error("this module is the entry of a worker thread");
const { path, sinceMs } = workerData as ThreadStart; // safe because: only `fileSigner` starts this module
const INDENT = 2;

const service = signerService(
  keySetSigner({
    pairs: keyFilePairs({
      path,
      create: sinceMs === null ? null : () => formatKeyDocument([firstPair(sinceMs)], INDENT),
    }),
    clock: { now: () => Date.now() as UnixMs }, // safe because: the wall clock
  }),
);

function ask(request: ThreadRequest): Promise<unknown> {
  switch (request.method) {
    case "keys":
      return service.keys();
    case "signCheckpoint":
      return service.signCheckpoint(request.checkpoint);
    case "signStatement":
      return service.signStatement(request.statement);
  }
}

port.on("message", (request: ThreadRequest) => {
  const say = (reply: ThreadReply) => port.postMessage(reply);
  ask(request).then(
    (answer) => say({ id: request.id, answer }),
    (cause: unknown) =>
      say({ id: request.id, bug: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) }),
  );
});
port.postMessage({ ready: true } satisfies ThreadReply);
