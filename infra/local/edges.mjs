import { createServer } from "node:net";
import { join } from "node:path";
import { edgeCommand } from "./command.mjs";
import { keepRunning } from "./keep-running.mjs";

/** More than a machine has cores for. */
const EDGES_MAX = 64;
/** Beyond an edge's own bound for what it has in flight. */
const KILL_MS = 60_000;

/** @param {NodeJS.ProcessEnv} env @returns {number | null} `BAILIWICK_EDGES`; null where it is no number of edges. */
export function edgesWanted(env) {
  const text = env.BAILIWICK_EDGES ?? "0";
  return /^\d{1,2}$/.test(text) && Number(text) <= EDGES_MAX ? Number(text) : null;
}

/** What the cell has to be told so that edges of the same machine can stand beside it. @param {NodeJS.ProcessEnv} env */
export async function besideEdges(env) {
  return {
    BAILIWICK_PORT_SHARED: "1",
    BAILIWICK_OBJECTS_LISTEN: env.BAILIWICK_OBJECTS_LISTEN ?? `127.0.0.1:${await freePort()}`,
  };
}

/** @param {import("./edges.d.mts").EdgesOptions} options @returns {import("./edges.d.mts").Edges} */
export function startEdges({ count, env, home, endpoint, print }) {
  const port = new URL(endpoint).port;
  const command = edgeCommand({
    ...env,
    PORT: env.PORT && env.PORT !== "0" ? env.PORT : port,
    BAILIWICK_OBJECTS_URL: `http://${env.BAILIWICK_OBJECTS_LISTEN}`,
    BAILIWICK_EDGE_KEY: `file:${join(home, "edge.key")}`,
    BAILIWICK_ROOT_SECRET: `file:${join(home, "root.key")}`,
    BAILIWICK_WORKER_SECRET: `file:${join(home, "worker-secret")}`,
    BAILIWICK_ENDPOINT: endpoint,
  });
  if ("refusal" in command) throw new Error(command.refusal);
  const { file, args } = command;
  const edges = Array.from({ length: count }, (_, edge) =>
    keepRunning({ file, args, env: command.env, prefix: `edge ${edge + 1}: `, killMs: KILL_MS, ownGroup: true, print }),
  );
  return {
    async stop() {
      await Promise.all(edges.map((edge) => edge.stop()));
    },
  };
}

/** @returns {Promise<number>} */
const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
