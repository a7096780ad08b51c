import { expect, it } from "vitest";
import { parseFiles, parseYaml } from "./yaml.ts";

const bomb = [
  "a: &a [x, x, x, x, x, x, x, x, x]",
  ...["b", "c", "d", "e", "f", "g", "h"].map(
    (name, at) => `${name}: &${name} [${Array(9).fill(`*${"abcdefg"[at]}`).join(", ")}]`,
  ),
].join("\n");

it.each([
  ["a duplicate key, of which one would silently win", "a: 1\na: 2", "line 2: Map keys must be unique"],
  ["a second document, which would be ignored", "a: 1\n---\nb: 2", "more than one document"],
  ["a tag of its own", "a: !secret x", "Unresolved tag"],
  ["binary", "a: !!binary aGk=", "Unresolved tag"],
  ["a merge key", "base: {x: 1}\nuse:\n  <<: {x: 2}", "merge keys are not accepted"],
  ["a number that JSON lacks", "a: {b: [.nan]}", "a.b[0]"],
  ["a key that is no text", "? [a]\n: 1", "keys must be strings"],
  ["a circle", "a: &a [*a]", "nested deeper"],
  ["an alias bomb, which would fill memory", bomb, "alias"],
  ["unclosed brackets", "a: [1", "line"],
])("refuses %s", (_what, text, expected) => {
  const parsed = parseYaml("models.yml", text);
  expect(parsed.ok).toBe(false);
  if (parsed.ok) return;
  expect(parsed.error.map(({ path, message }) => `${path} ${message}`).join("\n")).toContain(expected);
  expect(parsed.error.every(({ file }) => file === "models.yml")).toBe(true);
});

it("reads plain YAML 1.2: dates and yes stay text, prices stay exact, a shared anchor is copied", () => {
  const parsed = parseYaml("x.yml", 'a: &p {input: 0.0125}\nb: *p\nc: yes\nd: 2026-11-01\ne: "0.10"');
  expect(parsed).toEqual({
    ok: true,
    value: { a: { input: 0.0125 }, b: { input: 0.0125 }, c: "yes", d: "2026-11-01", e: "0.10" },
  });
});

it.each(["", "# nothing yet\n", "---\n"])("reads an empty file as no settings: %j", (text) => {
  expect(parseYaml("x.yml", text)).toEqual({ ok: true, value: {} });
});

it("keeps a member named __proto__ as data, so it cannot change what objects are", () => {
  const parsed = parseYaml("x.yml", "__proto__: {polluted: true}");
  expect(parsed.ok && Object.keys(parsed.value ?? {})).toEqual(["__proto__"]);
  expect("polluted" in {}).toBe(false);
});

it("refuses files that are larger together than the bound, before parsing them", () => {
  const parsed = parseFiles(new Map([["models.yml", `a: "${"x".repeat(1_100_000)}"`]]));
  expect(parsed.ok).toBe(false);
});
