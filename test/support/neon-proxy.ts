import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import pg from "pg";
import { answering } from "./answering.ts";

/**
 * Speaks the HTTP side of Neon's serverless driver (`POST /sql`, a batch is one transaction, text results) and runs it on
 * a PostgreSQL. As Neon does, it takes the database from the `Neon-Connection-String` header.
 */
export interface NeonProxy {
  endpoint: string;
  /** Requests that came, to see that a call is one request. */
  requests(): number;
  /** From now on: connections are cut after the statements ran and before they are committed. */
  cutBeforeCommit(on: boolean): void;
  close(): Promise<void>;
}

interface Query {
  query: string;
  params: string[];
}
const raw = { getTypeParser: () => (text: string) => text };

const query = async (client: pg.Client, { query: sql, params }: Query) => {
  const result = await client.query({ text: sql, values: params, rowMode: "array", types: raw });
  const fields = result.fields.map(({ name, dataTypeID }) => ({ name, dataTypeID }));
  return { fields, rows: result.rows, rowCount: result.rowCount, command: result.command, rowAsArray: true };
};

export async function startNeonProxy(): Promise<NeonProxy> {
  let seen = 0;
  let cut = false;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    seen += 1;
    const connectionString = request.headers["neon-connection-string"];
    const body: Query | { queries: Query[] } = JSON.parse(await text(request));
    const client = new pg.Client({ connectionString: String(connectionString) });
    // A server that stops while this connection says goodbye has nobody to tell.
    client.on("error", () => undefined);
    const send = (status: number, value: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    try {
      await client.connect();
      if (!("queries" in body)) {
        send(200, await query(client, body));
        return;
      }
      await client.query("begin");
      const results = [];
      for (const each of body.queries) results.push(await query(client, each));
      if (cut) {
        response.destroy();
        return;
      }
      await client.query("commit");
      send(200, { results });
    } catch (error) {
      if (error instanceof pg.DatabaseError) {
        const { message, code, constraint, severity } = error;
        send(400, { message, code, constraint, severity });
      } else send(500, { message: String(error) });
    } finally {
      await client.end();
    }
  };
  const server = createServer(answering(answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    endpoint: `http://127.0.0.1:${address.port}/sql`,
    requests: () => seen,
    cutBeforeCommit(on) {
      cut = on;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
