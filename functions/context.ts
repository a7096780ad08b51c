import type { Actor } from "../shared/contracts/actor.ts";
import type { Labels } from "../shared/contracts/call.ts";
import type { Snapshot } from "../shared/contracts/config/snapshot.ts";
import type { Decided, PolicyInput, PrivacyMode } from "../shared/contracts/decision.ts";
import type { RequestId, TaskId, UnixMs } from "../shared/contracts/ids.ts";
import type { Attribution } from "../shared/contracts/ledger.ts";
import type { PoolWorkerReport } from "../shared/contracts/pool-load.ts";
import type { BatchStore } from "../shared/contracts/ports/batch-store.ts";
import type { CellStore } from "../shared/contracts/ports/cell-store.ts";
import type { Clock, Ids } from "../shared/contracts/ports/clock.ts";
import type { ConfigSource } from "../shared/contracts/ports/config-source.ts";
import type { ControlDb } from "../shared/contracts/ports/control-db.ts";
import type { ControlRepository } from "../shared/contracts/ports/control-repository.ts";
import type { Engine } from "../shared/contracts/ports/engine.ts";
import type { JobQueue } from "../shared/contracts/ports/job-queue.ts";
import type { Keyring } from "../shared/contracts/ports/keyring.ts";
import type { ObjectStore } from "../shared/contracts/ports/object-store.ts";
import type { ApprovalEvidence, Policy } from "../shared/contracts/ports/policy.ts";
import type { PolicyStore } from "../shared/contracts/ports/policy-store.ts";
import type { PolicyTools } from "../shared/contracts/ports/policy-tools.ts";
import type { RateLimiter } from "../shared/contracts/ports/rate-limiter.ts";
import type { SessionStore } from "../shared/contracts/ports/session-store.ts";
import type { Signer } from "../shared/contracts/ports/signer.ts";
import type { LogMeter } from "../shared/contracts/ports/task-log.ts";
import type { TaskStore } from "../shared/contracts/ports/task-store.ts";
import type { Span, Telemetry } from "../shared/contracts/ports/telemetry.ts";
import type { TenantMoves } from "../shared/contracts/ports/tenant-moves.ts";
import type { Access, RecordedDecision, TenantState, TenantStore } from "../shared/contracts/ports/tenant-store.ts";
import type { PublicKey } from "../shared/crypto/ed25519-jwk.ts";
import type { ForwardingKey } from "../shared/crypto/forwarding.ts";
import type { WorkloadTokens } from "../shared/crypto/workload-token.ts";
import type { Detachment, JobIssuer } from "./detached/detach.ts";
import type { ReleaseLinks, StorePlacement } from "./evidence/task-predicate.ts";
import type { ContentKeys } from "./inference/content-keys.ts";
import type { Outcomes } from "./inference/obligations/outcomes.ts";
import type { PoolWatch } from "./inference/pools/pool-watch.ts";
import type { RouterState } from "./inference/router-state.ts";
import type { TenantCredentials } from "./inference/tenant-credentials.ts";
import type { Authenticator } from "./pipeline/authenticate/authenticator.ts";
import type { serviceAccounts } from "./pipeline/authenticate/service-account.ts";
import type { BodyRoom } from "./pipeline/body-room.ts";
import type { CallHeaders } from "./pipeline/call-headers.ts";
import type { DirectoryView } from "./pipeline/locate/directory-view.ts";
import type { Room } from "./pipeline/room.ts";
import type { Operation } from "./v1/operation.ts";
import type { RunHost } from "./v1/unattended/run-host.ts";

/** What the runtime adds to a request; the entry supplies it, on Deno and workerd alike. */
export interface Runtime {
  /** Client address as the transport saw it; null when there is none. */
  source: string | null;
  /** Aborts when the caller goes away before the answer is complete. May also abort afterwards: ignore it then. */
  disconnected: AbortSignal;
  /** `disconnected` is dear to ask for, and tells what happened before it was asked for: a short call never does. */
  asksLate?: true;
  /** Settles once the answer is out or its connection has ended; absent where the runtime does not tell. */
  sent?(): Promise<unknown>;
  /** Keeps the isolate alive until the promise settles; its rejection is logged. */
  defer(work: Promise<unknown>): void;
  /** Turns this request into a WebSocket; absent where it asks for none. The answer is given back as it is. */
  upgrade?(protocol: string, accept: (socket: Socket) => SocketHandler): Response;
}

/** An open WebSocket that carries text. */
export interface Socket {
  /** In order; after the end nothing is sent. */
  send(text: string): void;
  /** Bytes that the other side has not taken yet; 0 where the runtime does not tell. */
  readonly buffered: number;
  close(code: number, reason: string): void;
}

/** What happens on a socket. */
export interface SocketHandler {
  /** Once, when the other side can be sent to. */
  opened?(): void;
  message(text: string): void;
  /** Once, however it ended. */
  closed(end: SocketEnd): void;
}

/** RFC 6455 §7.1.5 and 7.1.6: 1006 where it broke off without a word. */
export interface SocketEnd {
  code: number;
  reason: string;
}

export interface CellInfo {
  id: string;
  jurisdiction: string;
  /** Where it runs; the jurisdiction where nothing finer is configured. */
  region: string;
  /** Public base URL of this cell, without `/v1`. */
  endpoint: string;
  /** `<version>+<digest>` of the running code. */
  release: string;
  /** True when it listens on loopback only: `/readyz` and `/metrics` are then open. */
  loopback: boolean;
}

/** A dependency that `/readyz` asks. `required: false` means that the cell goes on without it, degraded and named. */
export interface Dependency {
  name: string;
  required: boolean;
  probe(): Promise<{ ready: boolean; reason: string | null }>;
}

/** Everything an operation may touch: ports only. */
export interface Deps {
  cell: CellInfo;
  clock: Clock;
  ids: Ids;
  config: ConfigSource;
  tenants: TenantStore;
  sessions: SessionStore;
  tasks: TaskStore;
  /** Files and batches. */
  batches: BatchStore;
  cellStore: CellStore;
  policy: Policy;
  policies: PolicyStore;
  policyTools: PolicyTools;
  keyring: Keyring;
  control: ControlRepository;
  controlDb: ControlDb;
  /** The adapter of a configured provider under the given snapshot; null when it is unknown or its secret is missing. */
  engine(snapshot: Snapshot, provider: string): Engine | null;
  /** Where ledgers are published; null where the cell has no archive, and so no evidence. */
  archive: ObjectStore | null;
  /** Null where the cell holds no signing keys, and so signs no evidence. */
  signer: Signer | null;
  /** Null where tenants cannot be moved: a host that does not know its objects by name, or signs nothing. */
  moves: TenantMoves | null;
  /** Names the deployment in its logs: a log's origin is this, `/` and the tenant's id, or `_cell`. */
  ledgerOrigin: string;
  /** What the keys of one log's archive begin with, as its publisher has it; a tenant's id, or `_cell`. */
  logPrefix(name: string): string;
  /** Every store of the cell, for its statement of residency. */
  stores: readonly StorePlacement[];
  /** Where the documents of the running release are. */
  releaseLinks: ReleaseLinks;
  router: RouterState;
  tenantCredentials: TenantCredentials;
  contentKeys: ContentKeys;
  authenticator: Authenticator;
  /** The directory of cells that is in force; null where there is none. */
  directory(): DirectoryView | null;
  /** What global entries forward calls under, newest first; none: forwarded calls are calls like any other. */
  forwardingKeys: readonly ForwardingKey[];
  /** Failed authentications per client address. */
  preauth: RateLimiter;
  telemetry: Telemetry;
  dependencies: readonly Dependency[];
  /** Names of what the cell does without right now, from what its own work met: cheap enough for every call. */
  degraded(): readonly string[];
  lifecycle: Lifecycle;
  /** Holds the bodies of all calls together to a bound. */
  bodies: BodyRoom;
  /** What is known of the cell's pools, for routing and for operators. */
  poolWatch: PoolWatch;
  /** Queues of the cell's pools with their dead letters; null in a cell without queues. */
  jobQueue: JobQueue | null;
  /** Sends workers for tasks; null in a cell without pools. */
  jobs: JobIssuer | null;
  /** Connects workers of pools; null in a cell without them. */
  workers: WorkerParts | null;
  callbacks: {
    /** Whether a tenant may have this URL called; see `Egress.tenantMayName`. */
    mayName(url: string): boolean;
    /** What receivers verify the cell's signatures with, newest first. */
    keys(): PublicKey[];
  };
  /** Open sockets of callers. */
  sockets: Room;
  /** The mounted operation of this id; null when there is none. */
  operation(id: string): Operation | null;
  /** The OpenAPI document of the mounted operations, as JSON text. */
  openApi(): string;
}

/** What workers of pools need of the cell. */
export interface WorkerParts {
  /** Signs and verifies their tokens and tickets. */
  tokens: WorkloadTokens;
  /** Carries tasks out over their connections. */
  runs: Pick<RunHost, "take">;
  /** Verifies the service accounts that they come with. */
  serviceAccount: ReturnType<typeof serviceAccounts>;
  /** The secret of workers beside the cell; null where there are none. */
  enrolment: string | null;
  reports: WorkerReports;
}

/** What connected workers say about themselves, to whoever plans with it. Never throws. */
export interface WorkerReports {
  report(report: PoolWorkerReport): void;
  /** Over once the cell knows what the connection said, or the connection is gone. */
  known(id: string): Promise<void>;
  /** The worker of this connection takes no more work. */
  gone(id: string): void;
}

/** In-flight calls and the drain that ends them. */
export interface Lifecycle {
  readonly draining: boolean;
  /** Aborts when the time for draining is over: what still runs is settled and ended. */
  readonly expired: AbortSignal;
  /** Answers the function that marks the call as done. */
  enter(): () => void;
}

/** A call before anybody is known: what the transport says. */
export interface Incoming {
  request: RequestId;
  task: TaskId;
  receivedMs: UnixMs;
  runtime: Runtime;
  span: Span;
  headers: CallHeaders;
  /** Headers that go on every answer of this call, refusals included. */
  reply: Record<string, string>;
  /** This is a detached task's own run, so it is carried out here. */
  run?: RunHold | undefined;
  /** A global entry sent it on, and signed that it did; absent on calls that came by themselves. */
  forwarded?: Forwarded | undefined;
}

/** What a global entry vouches for. */
export interface Forwarded {
  /** Address of the caller. */
  client: string | null;
  /** The host that the caller asked. */
  host: string | null;
}

/** A run and the task that it is to have to itself. */
export interface RunHold {
  /** Under which it has its task. */
  fence: number;
  /** Set once an engine may have run for it: then it was an attempt, whatever comes of it. */
  ran: boolean;
  /** Whose worker it stands beside; null where no worker carries it out. */
  pool: string | null;
  /** Before anything is kept or settled. Rejects with `Fenced` once the run has lost its task to another one, or gave it up. */
  confirm(): Promise<void>;
  /** By which a stream is charged if its run is lost; told before its first byte. */
  metered(meter: LogMeter): void;
  /**
   * The bytes that are left of a whole answer, before the settlement that lets them out: a run that is lost behind it is
   * ended with them. Durable before it resolves; rejects as `confirm` does.
   */
  settling(rest: { status: number; contentType: string; body: Uint8Array }): Promise<void>;
}

/** A call as an operation sees it: authenticated, validated and decided. Never the framework's context. */
export interface Call<Body = unknown, Params = unknown, Query = unknown> extends Incoming {
  actor: Actor;
  access: Access;
  tenant: TenantState;
  snapshot: Snapshot;
  by: Attribution;
  /** Who else has the caller's credential in their hands (`KeyRecord.made_by`). */
  madeBy: readonly string[];
  decided: Decided;
  /** What policy was asked; further enforcement points of the call ask again from here. */
  policyInput: PolicyInput;
  /** The decision as the tenant's object keeps it. */
  decisionRecord: RecordedDecision;
  /** How the obligations of the decision end, for its record; a call that is admitted keeps its own with its settlement. */
  outcomes: Outcomes;
  /** What was approved, where that is carried out. */
  approval?: ApprovalEvidence | null;
  /** The operation wants it to live on without its caller. */
  detach?: Detachment;
  /** What the operation's own `prepare` found, before the decision. */
  prepared: unknown;
  params: Params;
  query: Query;
  body: Body;
  rawBody: Uint8Array;
  /** Of an upload: its body as it arrives, bounded. */
  upload?: AsyncIterable<Uint8Array> | undefined;
  deadline: UnixMs;
  idempotencyKey: string | null;
  privacy: PrivacyMode;
  labels: Labels;
}

/** A call before policy was asked about it. */
export type Undecided<Body = unknown, Params = unknown, Query = unknown> = Omit<
  Call<Body, Params, Query>,
  "decided" | "policyInput" | "decisionRecord" | "outcomes" | "prepared"
>;
