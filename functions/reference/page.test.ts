import { createHash } from "node:crypto";
import { Script } from "node:vm";
import { expect, it } from "vitest";
import { referencePage } from "./page.ts";

const { html, csp } = referencePage();
const inner = (tag: string): string[] =>
  [...html.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, "g"))].map((match) => match[1] ?? "");
const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

it("lets exactly its own script and style run, so that injected markup stays dead", () => {
  const [script, ...scripts] = inner("script");
  const [style, ...styles] = inner("style");
  expect([scripts, styles]).toEqual([[], []]);
  const directives = new Map(
    csp.split("; ").map((directive) => [directive.split(" ")[0], directive.split(" ").slice(1)]),
  );
  expect(directives.get("script-src")).toEqual([hash(script ?? "")]);
  expect(directives.get("style-src")).toEqual([hash(style ?? "")]);
  expect(directives.get("default-src")).toEqual(["'none'"]);
  expect(directives.get("connect-src")).toEqual(["'self'"]);
  expect(directives.get("require-trusted-types-for")).toEqual(["'script'"]);
  expect(csp).not.toMatch(/unsafe|\*|https?:/);
});

it("loads nothing from elsewhere, so that it works in an air-gapped cell", () => {
  expect(html).not.toMatch(/(?:src|href)="(?!#|\/openapi\.json|data:,)|url\(|@import|https?:\/\//);
});

it("never parses text as markup and keeps the key out of every store, so that neither a schema nor a tab leaks", () => {
  const [script] = inner("script");
  expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|srcdoc/);
  expect(script).not.toMatch(/localStorage|sessionStorage|indexedDB|document\.cookie|caches|pushState|replaceState/);
  expect(html).not.toMatch(/\son\w+=|style="/);
});

it("is a script that parses and one small document, so that a typo never ships as a blank page", () => {
  expect(() => new Script(inner("script")[0] ?? "throw")).not.toThrow();
  expect(html.length).toBeLessThan(32 * 1024);
  expect(inner("script")[0]).not.toContain("</");
});
