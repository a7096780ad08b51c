import { afterEach, beforeEach, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { LogItem } from "../../../shared/contracts/ports/task-log.ts";
import { type ObjectsHome, objectsHome } from "../../../test/support/objects-home.ts";
import type { EmbeddedHost } from "../../runtime/embedded-host.ts";
import { ObjectUnavailable } from "../../runtime/object-class.ts";
import { taskClass } from "../object-class.ts";
import { taskLogs } from "./log-store.ts";

const TASK = `t1:task_${"0".repeat(26)}`;

let home: ObjectsHome;
let host: EmbeddedHost;
beforeEach(() => {
  home = objectsHome({ classes: [taskClass] });
  host = home.open();
});
afterEach(async () => {
  await host.close();
  home.remove();
});

it("ends for whoever watches, also where the store failed behind the write of the end, so that no reader and no batch waits for ever", async () => {
  let failing = false;
  const logs = taskLogs({
    async call(name, body) {
      const outcome = await host.call(taskClass, name, body);
      if (failing) throw new ObjectUnavailable("the sync failed behind the bytes");
      return outcome;
    },
    provision: (name, body) => host.provision(taskClass, name, body),
  });
  const now = home.clock.now();
  await logs.detach(TASK, {
    ...{ sealed: new Uint8Array([1]), job: null, callback: null, session: null },
    deadline: (now + 60_000) as UnixMs, // safe because: milliseconds
    expires_ms: (now + 600_000) as UnixMs, // safe because: milliseconds
  });
  const leased = await logs.leaseTask(TASK, { life_ms: 60_000, held: false });
  if (!leased.ok) throw new Error(leased.error.reason);
  const { fence } = leased.value;
  await logs.openLog(TASK, fence, { status: 200, content_type: "text/plain", stream: false, headers: {} });
  const watched = await logs.watchLog(TASK, 0);
  if (!watched.ok) throw new Error(watched.error.reason);
  const items: LogItem[] = [];
  const reading = (async () => {
    for await (const item of watched.value) items.push(item);
  })();

  failing = true;
  await expect(logs.closeLog(TASK, fence, "complete")).rejects.toThrow(ObjectUnavailable);
  failing = false;
  // Said again by whoever takes the task next: it has ended, and nothing changes any more.
  expect(await logs.leaseTask(TASK, { life_ms: 60_000, held: false })).toEqual({
    ok: false,
    error: { reason: "finished" },
  });
  await reading;
  expect(items.map(({ kind }) => kind)).toEqual(["head", "end"]);
});
