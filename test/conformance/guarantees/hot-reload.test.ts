import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CellRuntime } from "../../support/cell.ts";
import { eventually, startLab, type Tenant, user, WITHOUT_DATABASE } from "../../support/lab.ts";

const CHAT = "/v1/chat/completions";
/** How a host watches a folder differs; what is done with a change does not, and is held on one of them. */
const RUNTIMES: readonly CellRuntime[] = ["deno", "node"];

describe.each(RUNTIMES)("the configuration of a running cell on %s", (runtime) => {
  let lab: Awaited<ReturnType<typeof startLab>>;
  let tenant: Tenant;
  const files: Record<string, string> = {};

  beforeAll(async () => {
    lab = await startLab({
      runtime,
      env: WITHOUT_DATABASE,
      config(written) {
        Object.assign(files, written);
        return written;
      },
    });
    tenant = await lab.newTenant();
  });
  afterEach(async () => {
    write("models.yml", files["models.yml"] ?? "");
    await eventually(
      () => status("echo"),
      (code) => code === 200,
    );
    await eventually(fault, (reason) => reason === null);
  });
  afterAll(async () => {
    await lab?.stop();
  });

  const folder = () => join(lab.cell.home, "test-config");
  /** Writes it as editors do: beside, then into place. */
  const write = (name: string, text: string) => {
    writeFileSync(join(folder(), `.${name}.new`), text);
    renameSync(join(folder(), `.${name}.new`), join(folder(), name));
  };
  const ask = (model: string, more: object = {}) =>
    lab.ask(CHAT, { key: tenant.apiKey, body: { model, messages: [user("hello")], ...more } });
  const status = async (model: string) => {
    const response = await ask(model);
    await response.text();
    return response.status;
  };
  /** What readiness says is wrong with the configuration; null when nothing is. */
  const fault = async (): Promise<string | null> => {
    const response = await lab.ask("/readyz");
    const { status, degraded }: { status: string; degraded: { name: string; reason: string }[] } =
      await response.json();
    const named = degraded.find(({ name }) => name === "configuration");
    expect([response.status, status === "degraded" || named === undefined]).toEqual([200, true]);
    return named?.reason ?? null;
  };
  const digest = async () =>
    /^bailiwick_config_info\{digest="([^"]+)"\} 1$/m.exec(await (await lab.ask("/metrics")).text())?.[1];
  const added = (name: string) => `${files["models.yml"]}\n  ${name}: { candidates: ["upstream:echo"] }\n`;

  it("offers a new alias without a restart, and takes it away again", async () => {
    const [pid, before] = [lab.cell.pid, await digest()];
    expect(await status("brand-new")).toBe(404);
    write("models.yml", added("brand-new"));
    expect(
      await eventually(
        () => status("brand-new"),
        (code) => code === 200,
      ),
    ).toBe(200);
    const { data } = await lab.json("/v1/models", { key: tenant.apiKey });
    expect(data.map(({ id }: { id: string }) => id)).toContain("brand-new");
    expect(await digest()).not.toBe(before);
    write("models.yml", files["models.yml"] ?? "");
    expect(
      await eventually(
        () => status("brand-new"),
        (code) => code === 404,
      ),
    ).toBe(404);
    expect(await digest()).toBe(before);
    expect(lab.cell.pid).toBe(pid);
  });

  if (runtime !== "deno") return;

  it.each([
    ["is no YAML", "models: [\n"],
    ["has a price that is none", 'models:\n  echo: { provider: upstream, model: echo, prices: { input: "cheap" } }\n'],
    ["has a member that nobody knows", "models:\n  echo: { provider: upstream, model: echo, colour: red }\n"],
    ["is empty", ""],
  ])("stays known-good when a file %s: calls go on, and readiness names file and fault", async (_title, text) => {
    const before = await digest();
    write("models.yml", text);
    expect(await eventually(fault, (reason) => reason !== null)).toContain("models.yml");
    expect(await status("echo")).toBe(200);
    expect(await digest()).toBe(before);
    const answer = await lab.ask("/v1/keys", { key: tenant.adminKey });
    await answer.arrayBuffer();
    expect(answer.headers.get("x-bailiwick-degraded")).toContain("configuration");
    write("models.yml", files["models.yml"] ?? "");
    expect(await eventually(fault, (reason) => reason === null)).toBeNull();
    expect(await status("echo")).toBe(200);
  });

  it("finishes a live stream on the snapshot that it was admitted with, though its model is gone meanwhile", async () => {
    const response = await ask("paced", { stream: true });
    const reader = response.body?.getReader();
    const first = await reader?.read();
    write("models.yml", (files["models.yml"] ?? "").replace(/^ {2}paced:.*$/m, ""));
    const text = (async () => {
      let all = new TextDecoder().decode(first?.value);
      for (;;) {
        const next = await reader?.read();
        if (next === undefined || next.done) return all;
        all += new TextDecoder().decode(next.value);
      }
    })();
    expect(
      await eventually(
        () => status("paced"),
        (code) => code === 404,
      ),
    ).toBe(404);
    expect((await text).endsWith("data: [DONE]\n\n")).toBe(true);
    const task = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
    expect(task).toMatchObject({ status: "OK", model: "paced" });
    write("models.yml", files["models.yml"] ?? "");
    await eventually(fault, (reason) => reason === null);
  });

  it("never answers a call in flight with half of two configurations", async () => {
    let reloading = true;
    const statuses: number[] = [];
    const calls = Array.from({ length: 4 }, async () => {
      while (reloading) statuses.push(await status("echo"));
    });
    for (let n = 0; n < 4; n++) {
      write("models.yml", added(`turn-${n}`));
      expect(
        await eventually(
          () => status(`turn-${n}`),
          (code) => code === 200,
        ),
      ).toBe(200);
    }
    reloading = false;
    await Promise.all(calls);
    expect(statuses.length).toBeGreaterThan(20);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  it("keeps the known-good configuration of the folder over nothing: a restart with a broken folder refuses to start", async () => {
    write("models.yml", "models: [\n");
    await eventually(fault, (reason) => reason !== null);
    await lab.cell.kill9();
    await expect(lab.cell.start()).rejects.toThrow(/models\.yml/);
    write("models.yml", files["models.yml"] ?? "");
    await lab.cell.start();
    expect(await status("echo")).toBe(200);
    expect(readFileSync(join(lab.cell.home, "keys.json"), "utf8")).toContain(lab.cell.apiKey);
  });
});
