import { BUILTINS } from "./builtins/table.ts";

/** What the compiler rewrites before it plans, but has to know of. */
const REWRITTEN = new Set(["assign"]);

/** The builtins of a capabilities document of OPA's compiler that this engine has, each as the document declares it. */
export function restrictCapabilities(document: {
  builtins: { name: string }[];
  [member: string]: unknown;
}): typeof document {
  return {
    ...document,
    builtins: document.builtins.filter(({ name }) => BUILTINS.has(name) || REWRITTEN.has(name)),
    allow_net: [],
  };
}

/** Names in order; what a capabilities file must declare, no more and no less. */
export const builtinNames = (): string[] => [...BUILTINS.keys()].sort();
