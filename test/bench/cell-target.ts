import type { Target } from "./targets.ts";
export function startCellTarget(_n: string, _u: string, _t: number): Promise<Target> {
  throw new Error("later");
}
