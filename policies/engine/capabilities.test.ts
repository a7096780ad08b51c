import { expect, it } from "vitest";
import declared from "../capabilities.json" with { type: "json" };
import { BUILTINS } from "./builtins/table.ts";
import { builtinNames } from "./capabilities.ts";

it("declares exactly the builtins that exist, so that the compiler refuses the others before a bundle is signed", () => {
  const names = declared.builtins.map(({ name }) => name).filter((name) => name !== "assign");
  expect(names.sort()).toEqual(builtinNames());
});

it("takes as many arguments as it declares, so that no call is read differently here", () => {
  const wrong = declared.builtins.filter(({ name, decl }) => {
    const arity = BUILTINS.get(name)?.arity;
    return (
      arity !== undefined && !("variadic" in decl) && arity !== (("args" in decl ? decl.args : undefined)?.length ?? 0)
    );
  });
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

it("allows no network to the compiler's schema loader", () => {
  expect(declared.allow_net).toEqual([]);
});
