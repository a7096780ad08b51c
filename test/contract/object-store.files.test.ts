import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { objectStoreContract } from "./object-store.contract.ts";

const clock = { now: () => Date.now() as UnixMs }; // safe because: the machine's clock
const home = realpathSync(mkdtempSync(join(tmpdir(), "bailiwick-objects-")));
afterAll(() => rmSync(home, { recursive: true, force: true }));

objectStoreContract("file system on Node", async () => ({
  store: await fileSystemObjectStore({ root: join(home, "objects"), jurisdiction: "local", clock }),
  placement: { technology: "file-system", jurisdiction: "local", worm: "not WORM" },
}));
