import { describe, expect, it } from "vitest";
import { readHcl } from "./read-hcl.ts";

describe("modules of plain settings", () => {
  it("are read with what a cell gives them, and what is not known here is left open", () => {
    const text = `# first
resource "a" "b" {
  name  = "x-\${var.name}"
  days  = var.days * 86400
  list  = [var.name, "two", ]
  other = some.thing[0].id
  call  = jsonencode({ a = 1 })
  inner { on = true }
}`;
    expect(readHcl(text, { name: "n", days: 2 })).toEqual([
      {
        type: "resource",
        labels: ["a", "b"],
        attributes: { name: "x-n", days: 172_800, list: ["n", "two"], other: undefined, call: undefined },
        blocks: [{ type: "inner", labels: [], attributes: { on: true }, blocks: [] }],
      },
    ]);
  });

  it.each(["resource {", 'a = "', "a = = 1", "a b c"])("that are no HCL are an error: %s", (text) => {
    expect(() => readHcl(text, {})).toThrow(SyntaxError);
  });
});
