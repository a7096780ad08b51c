import { connectPorts } from "../../durable/remote/connect-ports.ts";
import { httpTransport } from "../../durable/remote/http-client.ts";
import type { ProtocolRange } from "../../durable/remote/http-protocol.ts";
import { type ObjectsServer, objectsServer } from "../../durable/remote/http-server.ts";
import type { RemotePorts } from "../../durable/remote/remote-ports.ts";
import { serveCalls } from "../../durable/remote/serve-calls.ts";
import { fetchedExchange } from "../../functions/adapters/egress/fetched-exchange.ts";
import { edgeTokens, edgeVerifier, objectsUri } from "../../shared/crypto/edge-token.ts";

export const OBJECTS_CELL = "local";
export const EDGE_SEED = new Uint8Array(32).fill(7);

/** What a fetch that met nobody rejects with. */
export class NobodyThere extends Error {}

/** A port with some of its methods; a test that asks for another one fails. */
export const partly = <C extends keyof RemotePorts>(methods: Partial<RemotePorts[C]>): RemotePorts[C] =>
  methods as RemotePorts[C]; // safe because: what is not there throws when it is asked

export interface RemoteWorldOptions {
  /** The ports that the objects have; what a test does not name must not be asked. */
  ports: Partial<RemotePorts>;
  edge?: ProtocolRange;
  objects?: ProtocolRange;
  /** Stands between both sides. */
  network?(request: Request, arrive: (request: Request) => Promise<Response>): Promise<Response>;
  /** The token that the edge shows. */
  token?(): Promise<string>;
  waitMsMax?: number;
}

export interface RemoteWorld {
  ports: RemotePorts;
  server: ObjectsServer;
  /** How many calls each send had. */
  sends: Request[];
  failures: unknown[];
  /** Why sends were turned away for who sent them. */
  refusals: string[];
}

/** An edge and objects in one process, with everything between them but the wire. Pauses take no time. */
export function remoteWorld(options: RemoteWorldOptions): RemoteWorld {
  const failures: unknown[] = [];
  const refusals: string[] = [];
  const onFailure = (cause: unknown) => void failures.push(cause);
  const audience = objectsUri(OBJECTS_CELL);
  const signing = edgeTokens(EDGE_SEED, "edge-test", audience);
  const server = objectsServer({
    onRefused: (why) => refusals.push(why),
    calls: serveCalls(options.ports as RemotePorts, onFailure), // safe because: a port that is not there fails the test that asks it
    verify: edgeVerifier([signing.key.x], audience),
    nowMs: () => Date.now(),
    onFailure,
    ...(options.objects ? { versions: options.objects } : {}),
  });
  const sends: Request[] = [];
  const network = options.network ?? ((request, arrive) => arrive(request));
  const transport = httpTransport({
    url: "http://objects.example.com",
    exchange: fetchedExchange((url, init) => {
      const request = new Request(url, init);
      sends.push(request);
      return network(request, (arrived) => server.handle(arrived));
    }),
    token: options.token ?? (() => signing.sign({ now: Date.now(), expires: Date.now() + 60_000 })),
    neverSent: (cause) => cause instanceof NobodyThere,
    ...(options.edge ? { versions: options.edge } : {}),
  });
  let nowMs = 0;
  const ports = connectPorts(
    transport,
    {
      nowMs: () => nowMs,
      async pause(ms) {
        nowMs += ms;
        await new Promise<void>((resolve) => setImmediate(resolve));
      },
      ...(options.waitMsMax === undefined ? {} : { waitMsMax: options.waitMsMax }),
    },
    {
      archive: { technology: "file-system", jurisdiction: "local", worm: "not WORM" },
      queue: { technology: "sqlite", jurisdiction: "local" },
    },
  );
  return { ports, server, sends, failures, refusals };
}
