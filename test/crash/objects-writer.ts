import { argv, stdout } from "node:process";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import { PartialFile } from "../../functions/adapters/object-store/file-write.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";

const [, , root = "", mode = ""] = argv;
const clock = { now: () => Date.now() as UnixMs }; // safe because: the machine's clock
const store = await fileSystemObjectStore({ root, jurisdiction: "local", clock });
const said = (line: string) => new Promise((resolve) => stdout.write(`${line}\n`, resolve));
/** States of one object that differ in every byte and in size. */
const state = (n: number) => new Uint8Array(100_000 + n).fill(n % 251);

if (mode === "finished") {
  // Everything up to the rename is done.
  await store.put("a/x", state(1));
  const file = await PartialFile.create(root);
  await file.append(state(2));
  await file.finish({ sha256: file.digest(), size: file.size, stored_ms: clock.now(), locked_until_ms: null });
  await said("finished");
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}

/** Overwrites as fast as it may, every tenth state locked, and prints what was acknowledged, until it is killed. */
const lock = { mode: "compliance", until_ms: Date.now() + 3_600_000 } as const;
for (let n = 0; ; n++) {
  const put = await store.put("a/x", state(n), n % 10 === 0 ? { lock } : {});
  const made = await store.put(`a/new/${n}`, state(n), { if_absent: true });
  if (!put.ok || !made.ok) throw new Error("refused");
  await said(`${n} ${put.value.version}`);
}
