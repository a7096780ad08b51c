import { startFauxqs } from "fauxqs";
import { provisionSqs } from "../../shared/job-queue/sqs-queues.ts";
import { sqsOptions } from "./sqs-options.ts";

const CELL = "local";
const PREFIX = "bw";
const WORKER_SECRET = "worker-secret-of-the-suites-0123456789";

/**
 * Queues of a workerd cell, which has none of its own: an SQS server in memory, with the pool's queues made. `through`
 * answers the port at which the cell and its workers find the server.
 */
export async function startQueues(
  pool: string,
  through: (port: number) => Promise<number> = async (port) => port,
): Promise<{ env: Record<string, string>; stop(): Promise<void> }> {
  const server = await startFauxqs({ port: 0, host: "127.0.0.1", logger: false });
  const endpoint = `http://127.0.0.1:${await through(server.port)}`;
  const { region, credentials } = sqsOptions(endpoint);
  await provisionSqs({ ...sqsOptions(endpoint), prefix: PREFIX, cell: CELL }, [pool]);
  const { access_key_id, secret_access_key } = await credentials();
  return {
    env: {
      BAILIWICK_SQS_PREFIX: PREFIX,
      BAILIWICK_SQS_REGION: region,
      BAILIWICK_SQS_ENDPOINT: endpoint,
      BAILIWICK_SQS_ACCESS_KEY_ID: access_key_id,
      BAILIWICK_SQS_SECRET_ACCESS_KEY: secret_access_key,
      BAILIWICK_WORKER_SECRET: WORKER_SECRET,
    },
    stop: () => server.stop(),
  };
}
