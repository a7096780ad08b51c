import type { Lab, Tenant } from "./lab.ts";

/** Where an operation is tried: a tenant of its own in a cell. */
export interface Place {
  lab: Lab;
  tenant: Tenant;
}

/** What a test must know to call one operation as somebody. Every operation has a row (test/operations.test.ts). */
export interface OperationRow {
  /** Path parameters that name something that is there, made for this call; absent where the path has none. */
  path?(place: Place): Promise<Record<string, string>>;
  /** Path parameters of its aliases, where the model of the example is not enough. */
  alias?: Record<string, string>;
  /** What must be there before the example body can be accepted. */
  before?(place: Place): Promise<void>;
  /** Members of the example body that only what is there knows, by the path's parameters. */
  knows?(place: Place, path: Record<string, string>): Promise<object>;
  /** What a stranger's credential gets for another tenant's id and for one that does not exist alike; absent: 404. */
  stranger?: number;
  /** Why no stranger is tried: the path's id belongs to nobody. */
  nobodys?: string;
  /** The caller of the example must operate the cell. */
  byCellOperator?: true;
  /** Takes a worker's credential, which no tenant has. */
  byWorker?: true;
  /** Becomes a WebSocket, which the suite of sockets opens. */
  socket?: true;
  /** Sent instead of an example: the operation takes bytes, of this media type. */
  bytes?: { media: string; make(place: Place): Promise<Uint8Array> };
  /** A tenant of the configuration, because a tenant made at run time lacks what it takes. */
  configured?: string;
  /** Its example takes more than one cell: which suite tries it. */
  elsewhere?: string;
  /** Lives in the control database, which the workerd cell of the suites does not have: it answers 503 there. */
  needsControlDb?: true;
}
