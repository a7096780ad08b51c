import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../../infra/local/command.mjs";
import { flameGraph } from "./flame.ts";
import type { Profile } from "./inspector.ts";
import { areaOf, bundleSources, sharesOf, stacksOf } from "./stacks.ts";

const frame = (functionName: string, url = "", lineNumber = 0) => ({ functionName, url, lineNumber });
const RELAY = `file://${join(ROOT, "functions/inference/relay.ts")}`;
const HOST = `file://${join(ROOT, "durable/runtime/host.ts")}`;

/** relay (3 samples) calls a native write (2); the host (1); idle (4); and a gap in which the system ran something else. */
const profile: Profile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 4, 5] },
    { id: 2, callFrame: frame("relay", RELAY), children: [3] },
    { id: 3, callFrame: frame("write") },
    { id: 4, callFrame: frame("run<b>", HOST) },
    { id: 5, callFrame: frame("(idle)") },
  ],
  samples: [2, 3, 3, 4, 5, 5, 5, 5],
  timeDeltas: [500, 500, 500, 900_000, 500, 500, 500, 500],
};

describe("a profile of the cell", () => {
  it("counts work only, and no gap in which something else ran, so that a busy machine shifts no share", () => {
    const root = stacksOf(profile);
    expect(root.us).toBe(3_500);
    expect(sharesOf(root)).toEqual([
      { area: "durable/runtime", share: 2_000 / 3_500 },
      { area: "functions/inference", share: 1_500 / 3_500 },
    ]);
  });

  it("gives native time to who called it, so that a dear call is found where it is made", () => {
    const relay = stacksOf(profile).callees.get(`relay ${RELAY}`);
    expect(relay).toMatchObject({ us: 1_500, selfUs: 500 });
    expect([...(relay?.callees.values() ?? [])]).toMatchObject([
      { name: "write", area: "functions/inference", us: 1_000 },
    ]);
  });

  it("knows whose code a script is", () => {
    expect(areaOf(join(ROOT, "node_modules/hono/dist/compose.js"))).toBe("hono");
    expect(areaOf("file:///x/node_modules/@noble/hashes/sha2.js")).toBe("@noble/hashes");
    expect(areaOf("ext:deno_web/06_streams.js")).toBe("runtime");
    const lines = bundleSources("var a;\n// functions/app.ts\nfoo();\n  // node_modules/zod/v4/core.js\nbar();");
    expect([0, 2, 4].map(lines)).toEqual(["", "functions/app.ts", "node_modules/zod/v4/core.js"]);
  });

  it("is drawn with every name written as text, so that no function's name is markup", () => {
    const drawn = flameGraph(stacksOf(profile), "one & two");
    expect(drawn).toContain("run&#60;b&#62;");
    expect(drawn).toContain("one &#38; two");
    expect(drawn.match(/<rect x="0.0" width="1200.0"/g)).toHaveLength(1);
  });
});
