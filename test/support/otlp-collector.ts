import { createServer, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { answering } from "./answering.ts";

export interface CollectedSpan {
  traceId: string;
  spanId: string;
  /** Empty for the root of a trace that nobody handed us. */
  parentSpanId: string;
  name: string;
  /** 1 internal, 2 server, 3 client. */
  kind: number;
  startMs: number;
  endMs: number;
  /** 0 unset, 1 ok, 2 error. */
  status: number;
  attributes: Record<string, unknown>;
}

/** A point of a metric: its number, or how often a histogram was observed. */
export interface CollectedPoint {
  name: string;
  value: number;
  /** Which process or isolate counted. */
  instance: string;
  attributes: Record<string, unknown>;
}

interface KeyValue {
  key: string;
  value: Record<string, unknown>;
}
const valuesOf = (attributes: KeyValue[] = []) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

interface OtlpPoints {
  dataPoints?: { attributes?: KeyValue[]; asDouble?: number; count?: string }[];
}

interface OtlpBody {
  resourceMetrics?: {
    resource: { attributes: KeyValue[] };
    scopeMetrics: {
      metrics: { name: string; sum?: OtlpPoints; gauge?: OtlpPoints; histogram?: OtlpPoints }[];
    }[];
  }[];
  resourceSpans?: {
    scopeSpans?: {
      spans?: {
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        name: string;
        kind: number;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        status?: { code?: number };
        attributes?: KeyValue[];
      }[];
    }[];
  }[];
}

/** An OTLP/HTTP collector on loopback that keeps every byte it was sent. It can go away and come back on its port. */
export class OtlpCollector {
  readonly bodies: string[] = [];
  #server: Server | null = null;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    const server = createServer(
      answering(async (request, response) => {
        this.bodies.push(await text(request));
        response.writeHead(200, { "content-type": "application/json" }).end("{}");
      }),
    );
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no address");
    this.#port = address.port;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  get spans(): CollectedSpan[] {
    return this.bodies.flatMap((text) => {
      const body: OtlpBody = JSON.parse(text);
      return (body.resourceSpans ?? [])
        .flatMap(({ scopeSpans }) => scopeSpans ?? [])
        .flatMap(({ spans }) => spans ?? [])
        .map(({ attributes, status, startTimeUnixNano, endTimeUnixNano, parentSpanId, ...span }) => ({
          ...span,
          parentSpanId: parentSpanId ?? "",
          startMs: Number(startTimeUnixNano) / 1e6,
          endMs: Number(endTimeUnixNano) / 1e6,
          status: status?.code ?? 0,
          attributes: valuesOf(attributes),
        }));
    });
  }

  /** Points of every export of metrics, oldest first. */
  get points(): CollectedPoint[] {
    return this.bodies.flatMap((text) => {
      const body: OtlpBody = JSON.parse(text);
      return (body.resourceMetrics ?? []).flatMap(({ resource, scopeMetrics }) =>
        scopeMetrics
          .flatMap(({ metrics }) => metrics)
          .flatMap(({ name, sum, gauge, histogram }) =>
            ((sum ?? gauge ?? histogram)?.dataPoints ?? []).map(({ attributes, asDouble, count }) => ({
              name,
              value: asDouble ?? Number(count),
              instance: String(valuesOf(resource.attributes)["service.instance.id"]),
              attributes: valuesOf(attributes),
            })),
          ),
      );
    });
  }
}
