import { expect, it } from "vitest";
import { TaskId } from "../../../shared/contracts/ids.ts";
import type { LogItem } from "../../../shared/contracts/ports/task-log.ts";
import { ok } from "../../../shared/contracts/result.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Deps } from "../../context.ts";
import { answerOf } from "./outcome.ts";

const task = TaskId.parse(`task_${"0".repeat(26)}`);
const sealing = { tenant: "acme1", dataKey: new Uint8Array(32) };
const tasks = (stream: ReadableStream<LogItem>) =>
  // safe because: reading an answer watches the log alone
  ({ tasks: { watchLog: async () => ok(stream) } }) as unknown as Pick<Deps, "tasks">;

const told = (body: string) =>
  new ReadableStream<LogItem>({
    start(controller) {
      const head = { status: 200, content_type: "application/json", stream: false, headers: {} };
      controller.enqueue({ kind: "head", head });
      controller.enqueue({ kind: "live", live: { from: 1, frames: [utf8(body)] } });
      controller.enqueue({ kind: "end", end: "complete" });
    },
  });

it("takes an answer that is no JSON for one of unknown outcome, so that no line is read again for ever and its batch ends", async () => {
  const closing = () => undefined;
  expect(await answerOf(tasks(told('{"a":1}')), sealing, task, closing)).toMatchObject({ status: 200, body: { a: 1 } });
  expect(await answerOf(tasks(told("<html>")), sealing, task, closing)).toMatchObject({
    status: 410,
    body: { error: { code: "outcome_unknown" } },
  });
});

it("lets go of a log that tells nothing as soon as its turn ends, so that turns do not use up a task's watchers", async () => {
  const canceled = Promise.withResolvers<void>();
  const silent = new ReadableStream<LogItem>({ cancel: () => canceled.resolve() });
  let close = () => {};
  const closes = Promise.withResolvers<void>();
  const answer = answerOf(tasks(silent), sealing, task, (given) => {
    close = given;
    closes.resolve();
  });
  const broke = expect(answer).rejects.toThrow("broke off");
  await closes.promise;
  // The reader waits for the next item by now.
  await new Promise((resolve) => setImmediate(resolve));
  close();
  await canceled.promise;
  await broke;
});
