import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostExchange } from "../../functions/adapters/egress/host-exchange.ts";
import { socketExchange } from "../../functions/adapters/egress/socket-exchange.ts";
import { workerdEgress } from "../../functions/adapters/egress/workerd.ts";
import { denoBinary, ROOT } from "../../infra/local/command.mjs";
import { EXCHANGE_SCENARIOS, RawServer } from "../support/exchange-scenarios.ts";
import { openNodeSocket } from "../support/node-plain-socket.ts";

describe.each([
  ["over kept connections of the host", hostExchange, []],
  ["over fetch", () => workerdEgress({ fetch }).exchange, ["host_only"]],
  ["over a connection of its own", () => socketExchange(openNodeSocket), ["kept_only"]],
] as const)("an exchange with an engine, %s,", (_, make, left) => {
  let server = new RawServer();
  beforeEach(async () => {
    server = new RawServer();
    await server.listen();
  });
  afterEach(() => server.close());

  it.each(EXCHANGE_SCENARIOS.filter((one) => !left.some((flag) => one[flag])))("$title", ({ run }) =>
    run(make(), server),
  );
});

it("is the same on Deno, under the permissions of a cell", () => {
  const { stdout, stderr } = spawnSync(
    denoBinary() ?? "deno",
    [
      ...["run", "--quiet", "--no-prompt", "--no-remote", "--cached-only", "--no-lock", "--node-modules-dir=manual"],
      ...["--allow-net", `--allow-read=${ROOT}`, "--ignore-env", "test/runtime/exchange-deno.ts"],
    ],
    { cwd: ROOT, encoding: "utf8", timeout: 60_000 },
  );
  const told = stdout.trim().split("\n");
  expect({ told, stderr }).toEqual({ told: EXCHANGE_SCENARIOS.map(({ title }) => `ok ${title}`), stderr: "" });
}, 70_000);
