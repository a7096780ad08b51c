import { parentPort, workerData } from "node:worker_threads";
import { useHashing } from "../../shared/crypto/hashing.ts";
import { DEFECTS } from "./defects/defects.ts";
import type { Outcome } from "./simulate.ts";
import "./world/virtual-time.ts";

/** What a thread is told, and what it answers: one outcome for each seed. */
export interface ThreadData {
  defect: string | null;
  slow: boolean;
  /** Whether a tenant moves in every seed. */
  moves: boolean;
}

/** Loads the product, with the defect in it if there is one, and gives back what runs a seed of it. */
export async function ready(
  name: string | null,
  slow: boolean,
  moves: boolean,
): Promise<(seed: number) => Promise<Outcome>> {
  const defect = DEFECTS.find((one) => one.name === name);
  if (name !== null && defect === undefined) throw new Error(`no defect ${name}`);
  const planting = defect === undefined ? null : (await import("./defects/plant.ts")).plant(defect);
  // What is loaded from here on is the product.
  const { simulate } = await import("./simulate.ts");
  const { nativeHashing } = await import("../../functions/entry/native-hashing.ts");
  if (planting?.planted() === false) throw new Error(`${name}: its module was never loaded`);
  useHashing(nativeHashing);
  return (seed) => simulate(seed, slow, moves);
}

if (parentPort !== null) {
  const port = parentPort;
  // safe because: `run.ts` starts this thread with them
  const { defect, slow, moves } = workerData as ThreadData;
  const simulate = await ready(defect, slow, moves);
  port.on("message", async (seed: number) => port.postMessage(await simulate(seed)));
}
