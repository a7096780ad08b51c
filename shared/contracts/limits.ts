const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Every bound of the system, with its arithmetic or source. Units are last in the name. */
export const LIMITS = {
  // --- HTTP input
  /** Vision parts travel as base64 in JSON: 20 MiB of image is 27 MiB of text. */
  inferenceBodyBytesMax: 32 * MiB,
  /** Control-plane documents are small; 256 KiB holds the largest key or budget request many times over. */
  controlBodyBytesMax: 256 * KiB,
  /** Bodies of all calls of a process at one time: eight of the largest, or a thousand with an image each. */
  bodiesBytesMax: 256 * MiB,
  /** The same in an isolate of 128 MB: one of the largest and its parsed form. */
  isolateBodiesBytesMax: 40 * MiB,
  /** 32 MiB in two minutes are 2.2 Mbit/s; who is slower holds room that others need. */
  bodyReadMsMax: 2 * MINUTE,
  /** Twice the largest body that is taken: who sends more has made no mistake of size. */
  unreadBodyBytesMax: 64 * MiB,
  /** 64 MiB in ten seconds are 54 Mbit/s; nothing but the call waits meanwhile. */
  unreadBodyMsMax: 10 * SECOND,
  /** Deepest real request seen is a JSON schema in a tool in a request: below 40. */
  jsonDepthMax: 64,
  /** Members and elements in one document: a 2,048-input embedding of token arrays is about 1.6 M tokens of JSON. */
  jsonNodesMax: 2_000_000,
  /** Sum of header names and values; proxies in front commonly allow 16 KiB. */
  headerBytesMax: 16 * KiB,
  urlBytesMax: 8 * KiB,
  /** draft-ietf-httpapi-idempotency-key-header-07 leaves it open; DESIGN gives 255. */
  idempotencyKeyCharsMax: 255,
  messagesMax: 2_048,
  toolsMax: 128,
  embeddingInputsMax: 2_048,
  metadataPairsMax: 16,
  metadataKeyCharsMax: 64,
  metadataValueCharsMax: 512,
  pageItemsMax: 100,
  pageItemsDefault: 20,
  cursorCharsMax: 512,

  // --- identity
  /** A 4-issuer JWT with 64 groups stays below 8 KiB. */
  credentialBytesMax: 8 * KiB,
  jwtLifetimeSMax: 15 * 60,
  clockSkewS: 30,
  /** Workload tokens are renewed by machines: ten minutes bound what a stolen one is worth (DESIGN §5). */
  workloadLifetimeSMax: 10 * 60,
  /** Delegation chains seen in practice have one or two links. */
  actLinksMax: 8,
  jwksBytesMax: 256 * KiB,
  /** Two or three keys per algorithm during a rotation. */
  jwksKeysMax: 64,
  /** One discovery document or key set. */
  issuerFetchMsMax: 5 * SECOND,
  /** Issuers whose keys are kept: 16 a tenant for 64 tenants in use at once. */
  issuersCachedMax: 1_024,
  /** An identity provider's canonical host, its region, and one to spare. */
  egressRedirectsMax: 3,
  dataKeysCachedMax: 4_096,
  jwksRefetchMsMin: 30 * SECOND,
  jwksAgeMsMax: 10 * MINUTE,
  credentialCacheMax: 10_000,
  /** Only a hint: `admit` compares versions, so a longer life never honours a revoked key. */
  credentialCacheMsMax: 5 * MINUTE,
  /** Tokens whose signature need not be checked again: 2,048 with claims of 4 KiB are 8 MiB. */
  tokensCachedMax: 2_048,
  /** Issuer, audience, times and key are compared on every call: this bounds only what is kept of callers that left. */
  tokenCacheMsMax: MINUTE,
  keysPerTenantMax: 1_000,
  /** Subjects that a key comes from: administrators who made each other's keys, and whoever rotated one. */
  keyMakersMax: 64,
  /** Overlap in which a rotated key still works. */
  keyRotationOverlapMsMax: 7 * DAY,
  rolesMax: 5,
  grantsMax: 64,

  // --- admission
  /**
   * What a call leaves as a debt that used more than was reserved. A bucket that is full later than that was written
   * under a clock that has been set back since.
   */
  rateDebtMsMax: 10 * MINUTE,
  admitArrayMax: 64,
  /**
   * Joined calls of one isolate to one tenant's object that are on their way at a time. One object answers some hundred
   * of them a second, so more in parallel only make the batches smaller.
   */
  batchesSendingMax: 2,
  /** A joined call takes a few milliseconds; a sender that is silent for this long was probably cut off. */
  batchStallMs: SECOND,
  batchAnswerMsMax: 10 * SECOND,
  /** DESIGN §4: at most 96 bytes an idempotency row, 72 h. */
  idempotencyRowMsMax: 72 * HOUR,
  /** The sealed body lives 24 h, afterwards a repeated key answers 410 with the task link. */
  idempotentResultMsMax: 24 * HOUR,
  inProgressRetryMs: 500,
  budgetsPerTenantMax: 256,
  /** Grace after a task's deadline before its hold becomes the charge. */
  abandonGraceMs: 30 * SECOND,
  /**
   * From the entry that a change begins to the one that says how it ended: an edge asks for the change for up to 50 s
   * (`remoteWaitMsMax`, then `remoteAnswerMsMax`) and three times as long for its end, 200 s in all.
   */
  recordEndMsMax: 5 * MINUTE,
  refusalCoalesceMs: 10 * SECOND,
  /** Rows answered by one `GET /v1/usage`. */
  usageRowsMax: 1_000,
  /** Task rows without content; the ledger keeps the record for ever. */
  taskRowMsMax: 30 * DAY,
  /** DESIGN §4: published ceiling of one tenant object, shed with 429. */
  tenantQueueMax: 4_096,

  // --- inference
  deadlineMsDefault: 10 * MINUTE,
  deadlineMsMax: 30 * MINUTE,
  /** Reserved when the caller sets no cap and the model names none. */
  reserveOutputTokensDefault: 1_024,
  candidatesMax: 64,
  attemptsMax: 4,
  /** Upstream answers: a 2,048 × 3,072 float embedding is about 70 MB of JSON. */
  engineBodyBytesMax: 96 * MiB,
  /** One SSE frame: base64 images in a Responses stream are the largest. */
  sseFrameBytesMax: 8 * MiB,
  /** An upstream's error document; what follows is not read. */
  engineErrorBytesMax: 64 * KiB,
  /** Head of an engine's answer where we read it ourselves: four times what callers may send us. */
  engineHeadBytesMax: 64 * KiB,
  /** Data frames looked at for the model's name before the first is delivered (Azure's first chunk names none). */
  engineModelFramesMax: 4,
  /** Largest output of current embedding models is 4,096 numbers. */
  embeddingDimensionsMax: 4_096,
  engineConnectMsMax: 10 * SECOND,
  engineIdleMsMax: 5 * MINUTE,
  keepAliveMs: 15 * SECOND,
  drainMsMax: 20 * SECOND,
  /** Calls that draining ended settle within one durable call each. */
  drainSettleMsMax: 5 * SECOND,
  /** After draining every call is settled; a caller that does not read its last bytes does not keep the process. */
  serverCloseMsMax: 2 * SECOND,
  /** Text that is searched before a fallback leaves the cell: half a million tokens; hostile text takes about 1 s a MiB. */
  redactionCharsMax: 2 * MiB,
  /**
   * Text of a stream that is held back while a detector could still need it. The longest that detectors are made for are
   * key blocks: 16,384 bits of RSA in PEM are 12.8 KB of base64, 4,096 bits 3.3 KB; longer finds are withheld whole.
   */
  redactionHoldCharsMax: 8 * KiB,
  /** Arguments of one tool call: they are redacted as the JSON document that they are, so a stream holds them whole. */
  redactionArgumentsCharsMax: 1 * MiB,
  /** A keyed stream's frames are kept for replay up to this; above it the key stores `outcome_too_large`. */
  keyedResultBytesMax: 1 * MiB,

  // --- sessions
  sessionItemsMax: 10_000,
  sessionBytesMax: 64 * MiB,
  sessionItemBytesMax: 1 * MiB,
  /** A conversation's or stored response's life where the tenant's `retention` says nothing. */
  sessionMsDefault: 30 * DAY,
  /** The longest that `retention` may say. */
  sessionMsMax: 365 * DAY,
  /** What an erasure was is remembered by its session until it is recorded, at most for so long. */
  erasedSessionMsMax: 7 * DAY,
  /** Rows of `GET /v1/erasures`, about 250 bytes each: as long as read models; the ledger keeps them for ever. */
  erasureRowMsMax: 400 * DAY,
  /** 16 MiB of rows; those of subjects are beyond it, because evidence asks for them. */
  erasureRowsMax: 65_536,

  // --- stores and durable objects
  /** Platform limit of Durable Object SQL is 100 bound parameters. */
  sqlParametersMax: 100,
  sqlRowBytesMax: 2 * MiB,
  /** Larger values are kept in pieces of this size, well below a row's limit. */
  sqlChunkBytes: 1 * MiB,
  ledgerEntryBytesMax: 65_535,
  /** DESIGN §7: up to so many unpublished entries wait for the longer of the two delays. */
  logFewEntriesMax: 100,
  logFewDelayMs: MINUTE,
  logManyDelayMs: 10 * SECOND,
  /** DESIGN §7: on request, at most once a second. */
  logAskedMsMin: 1 * SECOND,
  /** What a turn takes: a signature of 9 ms and about ten calls of the archive, each some tens of milliseconds. */
  logTurnMs: 500,
  /** A halted log is compared with its archive again. */
  logRecheckMs: MINUTE,
  /** A log without new entries: five reads a day. */
  logIdleCheckMs: DAY,
  /** DESIGN §7: partial tiles, until their full one is there. */
  logPartialLockMs: 7 * DAY,
  /** Newest rows that stay in the object: a minute of its 500 calls a second, at two entries each, about 80 MB. */
  logRowsKept: 65_536,
  /** One publication: 64 tiles and bundles; a backlog is published in so many pieces. */
  logTurnEntriesMax: 16_384,
  /** One step reads, hashes or deletes so many rows: some milliseconds in which the object answers nobody. */
  logStepRowsMax: 512,
  /** Between two such steps, and between tiles, of a long publication: about as long as each of them takes. */
  logRestMs: 5,
  /** Without an archive nothing is ever published: asking again soon is of no use. */
  logNoArchiveRetryMs: HOUR,
  /** Signature lines of a signed note: C2SP asks for at least 16; a log with a hundred witnesses fits. */
  noteSignaturesMax: 100,
  /** 100 lines with post-quantum signatures of 5 KB in base64 are 667 KB. */
  noteBytesMax: 1 * MiB,
  /** Three key pairs in force during a rotation are six signatures. */
  dsseSignaturesMax: 16,
  /** A task's evidence with 64 candidates and its transcript is below 1 MiB; a manifest of a year's files about 20. */
  dsseBytesMax: 64 * MiB,
  /** Key pairs of one cell: the document with all of them fits a Workers secret of 5 KB; a pair a year lasts 14 years. */
  signingPairsMax: 14,
  /** Each pair in force puts two signatures on a statement: half of `dsseSignaturesMax`. */
  signingPairsInForceMax: 8,
  signingKeysBytesMax: 64 * KiB,
  /** A signature takes about 13 ms, a manifest of 20 MiB a second; beyond it the signer is stuck. */
  signerAnswerMsMax: 10 * SECOND,
  /** Its thread loads its modules in half a second; with 28 processes for each two cores it took more than 10. */
  signerStartMsMax: 60 * SECOND,
  /** Callers that wait for the signer's thread: 256 × 13 ms are over 3 s. */
  signerQueueMax: 256,
  /** Public keys are read again after this: so long may a new key's signatures go before its entry in the document. */
  signerKeysAgeMsMax: 5 * SECOND,
  /** One statement takes a batch as one JSON parameter: 400 rows of about 1 KiB. */
  outboxBatchMax: 400,
  outboxRetryMsMin: 1 * SECOND,
  /** An outage that is over is noticed within this; a minute of it is one statement an object. */
  outboxRetryMsMax: MINUTE,
  /** Events wait this long for company, so that a busy object delivers batches and re-arms its alarm once a second. */
  outboxDelayMs: 1 * SECOND,
  /** Read models may fall behind calls for so long; events that are older are delivered without a rest. */
  feedLagMsMax: 10 * MINUTE,
  /**
   * At most four descriptors each (two of SQLite, two to sync), 1 MiB of page cache each. Every detached run of a process
   * and 256 others: a lease is renewed every 10 s, and a file that is opened for it costs some milliseconds and a sync.
   */
  openObjectsMax: 1_280,
  /** Alarms of one class handled at once, as after a restart; each may open a file. */
  alarmsAtOnceMax: 64,
  /** Tenants at once whose events are on their way: half of the alarms, so that a slow receiver leaves the other half. */
  feedsAtOnceMax: 32,
  /** Calls of one object in one group commit: 256 × 50 µs keep the event loop for 13 ms at most. */
  tickCallsMax: 256,
  /** Objects whose turn comes later than this wait for the next round of the event loop, so that sockets are served between. */
  tickMsMax: 16,
  /** Syncs of many files end together, unless one of them takes longer than this: some tens of syncs of a slow disk. */
  syncRoundMsMax: 100,
  /** Rows of one kind that an open object keeps in memory; at about 300 bytes each, less than its page cache. */
  knownRowsMax: 1_024,
  /** A longer write-ahead log is copied into its database: 1,000 pages of 4 KiB, SQLite's own default. */
  walBytesMax: 4 * MiB,
  /** Behind each log of a killed process that is copied into its database: all of `openObjectsMax` take half a minute. */
  leftLogPauseMs: 20,
  dataKeyCacheMsMax: 60 * SECOND,
  configBytesMax: 1 * MiB,
  /** What one variable of a Worker holds (the platform: 5 KB). */
  bindingBytesMax: 5_000,
  /** 320 KB of configuration: 64 of the 128 variables that a Worker has, a cell of its own needs about 40. */
  configPartsMax: 64,
  /** Configurations whose files the cell keeps: 100 × 1 MiB. */
  snapshotsKeptMax: 100,
  /** Failures that are told apart by source at one time; a flood from more addresses is counted without one. */
  systemWindowsMax: 256,
  /** Durable counters of one cell, about 200 bytes each. */
  countersMax: 10_000,
  counterNameCharsMax: 512,
  modelsMax: 1_000,
  providersMax: 256,
  credentialsPerTenantMax: 64,
  credentialSecretBytesMax: 4 * KiB,

  // --- control database
  /** Control statements touch few rows; 5 s is a stuck database. */
  controlDbStatementMsMax: 5 * SECOND,
  controlDbLockMsMax: 2 * SECOND,
  controlDbConnectMsMax: 5 * SECOND,
  /** A transaction of a few statements, each within its own limit, and the network. */
  controlDbTransactionMsMax: 15 * SECOND,
  /** First boot of the embedded database is about 5 s on an idle machine; slow disks and shared cores take their time. */
  controlDbBootMsMax: 2 * MINUTE,
  /** Connections of one process; control work is light and Postgres pays per connection. */
  controlDbConnectionsMax: 8,
  /** Transactions waiting for the embedded database's single connection; beyond it callers are shed. */
  controlDbQueueMax: 256,
  /** Tenants that one drain of the control outbox visits. */
  outboxTenantsMax: 100,
  /** Delivered rows stay for a week's look back; the database refuses to delete younger ones (migration 5). */
  outboxDeliveredMsMax: 7 * DAY,
  /** A year and a month to compare it with, of tasks and activity; bills and the ledger stay (migration 5 holds it too). */
  readModelMsMax: 400 * DAY,
  /** Events that no release could read so far: as long as what they would have become; the ledger has them for ever (migration 7). */
  parkedEventMsMax: 400 * DAY,
  /** Rows of one table that one statement deletes: well below the statement's time. */
  retentionBatchMax: 1_000,
  /** Batches of one tenant in one visit, so that the largest holds up no other; who has more is visited again at once. */
  retentionBatchesMax: 10,
  retentionTenantsMax: 100,
  retentionEveryMs: HOUR,

  // --- telemetry
  /** W3C Trace Context §3.3.1.5 and §3.3.1.1: what every party passes on, and how many members a list has. */
  tracestateCharsMax: 512,
  tracestateMembersMax: 32,
  /** Label sets of one metric: 100 providers × 10 outcomes; what comes later is counted under one overflow series. */
  metricSeriesMax: 1_000,
  logMembersMax: 32,
  logValueCharsMax: 1_024,
  spanAttributesMax: 64,
  /** Finished spans that wait for the collector: about 1 KiB each; what does not fit is dropped and counted. */
  spanQueueMax: 4_096,
  /** About 256 KiB of OTLP JSON. */
  spanBatchMax: 256,
  spanDelayMsMax: 2 * SECOND,
  spanExportMsMax: 10 * SECOND,
  spanExportTriesMax: 4,
  spanRetryMsMin: 500,
  spanRetryMsMax: 10 * SECOND,

  /** OpenTelemetry's own default and, for tests and slow collectors, the ends of what `OTEL_METRIC_EXPORT_INTERVAL` may say. */
  metricExportMsDefault: MINUTE,
  metricExportMsMin: SECOND,
  metricExportMsMax: HOUR,
  /** A request carries whole metrics until it has this many points, about 300 bytes each; one metric has 1,001 at most. */
  metricPointsBatchMax: 2_000,

  // --- approvals
  /** Requests of a tenant that wait for an approver; more are refused, because nobody reads them. */
  approvalsPendingMax: 1_000,
  approvalMsDefault: 24 * HOUR,
  approvalMsMax: 30 * DAY,
  /** A request with images may be larger: it is refused with a reason and no approver is asked. */
  approvalPayloadBytesMax: 8 * MiB,
  approvalCommentCharsMax: 1_024,
  /** How soon an approver can be expected to have looked; SDKs honour hints below a minute (WIRE). */
  approvalWaitRetryMs: 30 * SECOND,
  /** A call's longest deadline twice, and time to try again while a policy cannot be read. */
  approvalRunMsMax: 4 * HOUR,
  approvalRunTriesMax: 20,
  approvalRunRetryMs: 30 * SECOND,
  /** 5 s, 10 s, … : eight tries in 21 minutes. */
  approvalNotifyMsMin: 5 * SECOND,
  approvalNotifyTriesMax: 8,
  approvalNotifyCallMsMax: 10 * SECOND,

  // --- policy evaluation
  /** A decision of the default policy takes a few hundred steps; a million is about 50 ms. */
  policyStepsMax: 1_000_000,
  /** Longest text a builtin may read or make: a redacted prompt fits, a doubling loop stops. */
  policyTextCharsMax: 1 * MiB,
  /** Rego has no recursion; each level takes some ten frames of the runtime's stack. */
  policyDepthMax: 256,
  policyResultsMax: 10_000,
  /** A plan of 100,000 statements is about 20 MB of JSON. */
  policyPlanStatementsMax: 100_000,
  policyPlanNestingMax: 512,
  /** One regular expression; compiled ones are kept, so their number is bounded too. */
  policyPatternCharsMax: 4 * KiB,
  policyPatternsKeptMax: 256,
  /** Largest integer exponent and shift: a number of 20,000 digits. */
  policyNumberBitsMax: 65_536,

  // --- policy bundles and decisions
  /** ADR 0008: a compiled default policy is about 100 KiB; room for a tenant's own data beside it. */
  policyBundleBytesMax: 1 * MiB,
  /** ADR 0008: archives of one layer that can be put in force again. */
  policyBundlesKeptMax: 32,
  /** Rows without an archive that stay listed beside them, about 300 bytes each; the ledger keeps all for ever. */
  policyBundlesListedMax: 256,
  /** DESIGN §6: how long a stated policy may be used without hearing of it again. */
  policyStatementMsMax: 15 * MINUTE,
  /** DESIGN §6: a statement is renewed after this, so that one lost answer makes nothing stale. */
  policyRenewMs: 5 * MINUTE,
  /** Inputs whose answers are remembered: a thousand actors and models at 1 to 2 KiB each. */
  policyOutcomesKeptMax: 1_024,
  policyOutcomeInputCharsMax: 8 * KiB,
  /** How long an isolate may decide by the operators' previous policy: one small read in the background. */
  policyCellRenewMs: 15 * SECOND,
  /** About 600 characters of JSON, in base64url. */
  policyStatementCharsMax: 2 * KiB,
  /** ADR 0008: decisions of a tenant that can be explained and simulated; at 2 KiB each about 8 MiB. */
  decisionsKeptMax: 4_096,
  /** Letting each go by itself would cost as much as writing it did. */
  decisionsForgottenAtOnce: 128,
  /** A record with 64 candidates is about 14 KiB; a longer one is kept without its input. */
  decisionRecordBytesMax: 16 * KiB,
  /** Inflated bundle: plans are repetitive JSON, a tenth of their size when compressed. */
  policyBundleInflatedBytesMax: 8 * MiB,
  /** Rego files, data files and directories of one bundle. */
  policyBundleFilesMax: 256,
  policyBundleSignatureBytesMax: 128 * KiB,
  policyBundleRootsMax: 64,
  /** A decision document at its schema's bounds: 256 + 256 selectors of six members, 64 × 32 obligations. */
  policyDocumentNodesMax: 20_000,
  /** Rules that one explanation names. */
  policyRulesTracedMax: 512,
  /** The disclaimer's own bound, for several joined in one header. */
  policyDisclaimerCharsMax: 256,
  /** Fallback hops and further enforcement points of one task that decide again. */
  decisionsPerTaskMax: 16,
  /** Outcomes in one closed record: 32 obligations of each layer twice; 128 × 256 bytes stay below an entry's bound. */
  obligationOutcomesMax: 128,
  obligationNoteCharsMax: 128,
  /** Decisions and inputs that one simulation compares: a thousand evaluations twice are about a second. */
  simulationInputsMax: 1_000,
  /** A bundle of 1 MiB in base64 and a thousand inputs of some KiB. */
  simulationBodyBytesMax: 8 * MiB,
  /** About a second of work, several times what a thousand decisions of the default policy take twice. */
  simulationStepsMax: 20_000_000,
  /** About ten milliseconds; then other calls have their turn. */
  simulationStepsAtOnce: 200_000,

  // --- policy at the edge
  /** Tenants whose policy an isolate keeps opened: with plans of a few hundred KiB some 100 MiB at the very worst. */
  policyLayersCachedMax: 256,
  /** Highest policy version seen, per tenant: about 100 bytes each, so that a rewound store is noticed for long. */
  policyVersionsSeenMax: 10_000,
  /** Facts of tenants as engine values, some KiB each. */
  policyFactsCachedMax: 1_024,
  /** A statement and at most two bundles from objects of the same cell. */
  policyLoadMsMax: 5 * SECOND,
  /** A store that just failed is not asked again by each call. */
  policyReloadMsMin: 250,
  /** A renewal that failed is tried again beside a call after this; the statement is good for ten minutes more. */
  policyRetryMs: 10 * SECOND,
  /** Keys in force, the next ones, and those of a few teams. */
  bundleKeysMax: 16,
  bundlePullMsMax: 30 * SECOND,
  /** Shortest interval of a source. */
  bundlePullCheckMs: 10 * SECOND,
  /** Release markings of one call: those of tenant and intent, and what the caller adds. */
  markingsMax: 32,
  purposesMax: 64,
  /** Rules of a cell and of one tenant, each; facts take both. */
  restrictionsMax: 128,
  ruleNamesMax: 256,

  // --- evidence and export
  /** An opened and a closed record, some approvals, and one refusal a 10 s window: a task has a handful. */
  evidenceEntriesMax: 1_024,
  /** A stored response and its items are 1 MiB each at most; a longer transcript is left out. */
  evidenceTranscriptBytesMax: 4 * MiB,
  /** A year: quiet logs are exported whole. */
  exportPeriodMsMax: 366 * DAY,
  /** Each is a line of about 130 bytes in the manifest, which is made in memory: 8.5 MiB, 11 in base64. */
  exportFilesMax: 65_536,
  /** Silences that are told: in a year there is room for one an hour. */
  silenceMsMin: HOUR,
  /** One export holds a bundle of entries (16 MiB at the very most) and its manifest. */
  exportsAtOnceMax: 4,
  /** 65,536 files of a store that answers in 50 ms. */
  exportMsMax: HOUR,
  /** A log whose publication was asked for is published within this, unless its archive is down. */
  evidenceRetryMs: SECOND,

  // --- verification of evidence, exports and archives
  /** A pair of keys is 3 KiB of JSON: 128 rotations are 400 KiB. */
  verifyKeysBytesMax: 1 * MiB,
  verifyKeysMax: 256,
  /** Level-0 tiles of two million entries, so that the first bad one among them is named exactly. */
  verifyTileBytesKept: 64 * MiB,
  /** A checkpoint each 10 s of four months; names of 16 digits and their places take 100 bytes each. */
  verifyArchivedMax: 1_000_000,

  // --- object store
  /** The largest inference body in one piece: a quarter of an isolate's memory. */
  objectPutBytesMax: 32 * MiB,
  objectGetBytesMax: 32 * MiB,
  /** S3 wants at least 5 MiB for every part but the last; one is in memory at a time. */
  objectPartBytes: 8 * MiB,
  /** 1,024 parts, of 10,000 that S3 allows; OpenAI's largest file is 512 MB. */
  objectBytesMax: 8 * 1024 * MiB,
  /** One page of S3 and of R2. */
  objectListKeysMax: 1_000,
  /** A part of 8 MiB in 20 s is 3.4 Mbit/s; a healthy store answers small objects within 100 ms. */
  objectCallMs: 20 * SECOND,
  /** Calls of a file system at once: more make a disk no faster, and each answer takes its turn of the event loop. */
  fileCallsAtOnceMax: 4,
  /** Pieces in which files are read and handed on. */
  objectReadBytes: 256 * KiB,

  // --- edges and objects in two processes
  /** An edge's word to its objects; signed anew at half of it. */
  edgeTokenMsMax: 10 * MINUTE,
  edgeTokenMs: 5 * MINUTE,
  edgeTokensCachedMax: 256,
  edgeKeysMax: 64,
  /** Calls that travel together: as many as one admission array has. */
  remoteCallsMax: 64,
  /** Sends on their way at a time, of one edge: more in parallel only make them smaller. */
  remoteSendsMax: 4,
  /** A commit takes a few milliseconds: a send that takes longer waits for something else. */
  remotePlaceMsMax: 25,
  remoteCallsWaitingMax: 4_096,
  /** The largest call is a keyed result or a bundle with its base64: a few MiB; many of them may meet in one send. */
  remoteBodyBytesMax: 64 * MiB,
  /** Bodies of all edges' sends together. */
  remoteBodiesBytesMax: 256 * MiB,
  /** Nothing that an object does takes longer, but what waits: at most a third of a lease. */
  remoteAnswerMsMax: 30 * SECOND,
  /** Of an answer that turns a send away. */
  remoteRefusalBytesMax: 4 * KiB,
  /** Objects that restart are away for a few seconds: their callers wait as long. */
  remoteWaitMsMax: 20 * SECOND,
  /** A settlement is waited for longer: what it records has happened. */
  remoteSettleMsMax: MINUTE,
  remoteRetryMsMin: 25,
  remoteRetryMsMax: 400,
  /** An edge waits so long for its objects when it starts, then gives up. */
  remoteStartMsMax: 60 * SECOND,
  /** A stream with nothing to say says so; one that is silent for three times as long has broken off. */
  remoteSilenceMs: 15 * SECOND,
  remoteSilenceMsMax: 45 * SECOND,
  /** How often a stream may break off without having brought anything. */
  remoteBreaksMax: 5,

  // --- queue lane
  /** SQS takes 1 MiB; a message is a ticket and a call's context. */
  queueMessageBytesMax: 64 * KiB,
  /** SQS hands out ten messages at once and waits 20 s for one; a message is hidden for 12 h at most. */
  queueReceiveJobsMax: 10,
  queueWaitMsMax: 20 * SECOND,
  queueVisibilityMsMax: 12 * HOUR,
  /** ADR 0010: a job that nobody did within this is a dead letter, which is kept for that. */
  queueRetentionMs: 4 * DAY,
  queueDeadMs: 14 * DAY,
  queueReasonCharsMax: 512,
  /** `<prefix>-<cell>-<pool>-interactive-dead` with 16, 16 and 24 characters: 75 of the 80 that SQS allows. */
  queuePoolCharsMax: 24,
  /** SQS moves a message that was received more often: a day of heartbeats that all failed, never a count of runs. */
  queueReceivesMax: 100,
  /** A queue on the network answers within 100 ms. */
  queueCallMs: 10 * SECOND,
  /** How long a peek hides dead letters from other peeks, and how many it looks through. */
  queuePeekMs: 30 * SECOND,
  queuePeekJobsMax: 1_000,
  queueUrlsMax: 1_024,
  /** Another process holds the file's lock for microseconds; one that was stopped there may never let go. */
  queueBusyMsMax: 5 * SECOND,
  /** How often a waiting receiver asks whether another process wrote: 20 to 45 µs each time, 14 ms at worst. */
  queueLookMs: 10,
  /** Rows that one call moves beside its own work. */
  queueSweepJobs: 64,
  /** One frame on a worker's connection. */
  workerFrameBytesMax: 1 * MiB,
  /** An hour is what Kubernetes projects; a day is what it can be told to. */
  serviceAccountLifetimeSMax: 24 * 60 * 60,
  /** A worker's request for a token: a projected token and names. */
  workerTokenBytesMax: 16 * KiB,
  /** A worker's token; workers renew it on their connection. */
  workerTokenLifeMs: 10 * MINUTE,
  /** A task's ticket is good for this long behind its deadline: until then its message may still be looked at. */
  ticketGraceMs: HOUR,
  /** Chunks of one task that a worker may send before they are taken: 2 MiB of the largest. */
  workerCreditChunks: 32,
  /** Tasks that one worker asks for or has at once. */
  workerTasksMax: 4_096,
  /** One message on a worker's connection: a held list of a thousand generations, each with its ticket and context. */
  workerMessageBytesMax: 32 * MiB,
  /** What a worker may be behind with reading before its connection is given up: the largest request, twice. */
  workerSendBytesMax: 128 * MiB,
  /** How often a worker tells its load: three of them make the 15 s that a report counts. */
  workerLoadEveryMs: 5 * SECOND,
  /** Tasks sent to one queue since it was looked at, told apart; a minute of 250 a second. */
  poolSentMax: 16_384,
  /** A worker's report counts for so long: three of its intervals. */
  poolReportMsMax: 15 * SECOND,
  /** Connections that the cell keeps a report of: 1,000 replicas that all reconnect, four times over. */
  poolWorkersMax: 4_096,
  /** How long an edge plans with what it read of pools. */
  poolViewMs: 2 * SECOND,
  /** A call is refused on what the cell said after it came; all refused calls of an edge share ten questions a second. */
  poolRefusalEveryMs: 100,
  /** A cell's object that does not say whether a pool has workers is waited for this long before a call is refused. */
  poolRefusalWaitMsMax: SECOND,
  /** A caller of an interactive call waits no longer for a worker, unless the pool says so. */
  poolWaitMsDefault: MINUTE,
  poolWaitMsMax: 30 * MINUTE,
  /** From a first job to a first worker where a pool was scaled to zero: a node, an image, weights. */
  poolColdStartMsDefault: 2 * MINUTE,
  /** Service time of a pool that has not settled a task yet: a few hundred tokens. */
  poolServiceMsAssumed: 5 * SECOND,
  /** `Retry-After` of a call that no pool takes now; SDKs refuse a minute and more (WIRE). */
  poolRetryMsMin: SECOND,
  poolRetryMsMax: 30 * SECOND,
  /** A run that is not renewed for so long is lost; renewed at a third. */
  runLeaseMs: 30 * SECOND,

  // --- workers of a pool
  /** Raw bytes of one chunk frame: 86 KiB in base64, far below a frame's bound, so that a credit is worth little memory. */
  workerChunkBytes: 64 * KiB,
  /** Chunks that one worker keeps until they are settled: two of the largest answers, or 200 texts of a megabyte. */
  workerHeldBytesMax: 256 * MiB,
  /** Chunks of one generation that wait for credit before the engine is read on. */
  workerUnsentBytesMax: 8 * MiB,
  /** Whole generations of lost runs that wait for their message to come again. */
  workerShelfMsMax: 2 * MINUTE,
  /** A message of a lost run is shown again after this: whoever has the lease now is not asked at once. */
  workerLostRetryMs: SECOND,
  /** Generations that are offered again and again refused wait for this at most between two tries. */
  workerRetryMsMax: 30 * SECOND,
  workerConcurrencyMax: 4_096,
  /** Interactive jobs that may start between two batch jobs while batch work waits. */
  workerInteractiveRun: 8,
  /** Where few slots are free, interactive work is waited for this long at a time, and batch is looked at as often. */
  workerTurnMs: SECOND,
  workerBatchWaitMs: 2 * SECOND,
  workerReceiveRetryMsMax: 30 * SECOND,
  workerWelcomeMsMax: 10 * SECOND,
  /** A worker is welcomed without the cell's object knowing of it where that one does not answer for so long. */
  workerUntoldMsMax: 2 * SECOND,
  workerPingMs: 10 * SECOND,
  /** Three pings without any frame back: the connection is dead, whatever TCP believes. */
  workerSilenceMsMax: 30 * SECOND,
  workerReconnectMsMin: 250,
  workerReconnectMsMax: 15 * SECOND,
  workerTokenMsMax: 10 * SECOND,
  /** What runs at SIGTERM may end within this, if the environment names no other bound. */
  workerDrainMsDefault: 2 * MINUTE,
  workerDrainMsMax: HOUR,
  /** Questions to the engine beside its work: models, readiness, load. */
  workerProbeMsMax: 5 * SECOND,
  workerProbeBytesMax: 4 * MiB,
  /** Tensors of one Open Inference Protocol answer. */
  oipTensorsMax: 64,
  /** Names of tensors and parameters, and a caller's own id. */
  oipNameCharsMax: 256,
  oipRankMax: 16,
  /** A worker whose connection broke is back within this, its backoff included; then others are sent for its tasks. */
  workerReturnMs: 10 * SECOND,
  /** The same behind the start of a cell that was away: the longest backoff of 15 s, a token that takes 10 s, and some to connect. */
  workerRejoinMs: 30 * SECOND,
  /** Leases of one task: a request that ends its workers is not given to a fourth. */
  detachedAttemptsMax: 3,
  /**
   * Detached tasks that one process carries out at once. A live stream at a token a second costs a process about a third
   * of a millisecond of CPU a second, so that this many leave most of a core to what begins and ends; each holds less than
   * 1 MiB.
   */
  detachedRunsMax: 1_024,
  /** Nothing more is begun while renewals of leases come later than this: two more would fit into what is left of them. */
  detachedLateMsMax: 5 * SECOND,
  /** A job that nobody took is sent again: the queue may have lost it, or keep it from everybody. */
  jobResendMs: 5 * MINUTE,
  /** Tries of one callback, with waits that double from 1 s up to an hour: two to three hours, within the life of the task's log. */
  callbackTriesMax: 15,
  callbackWaitMsMin: 1 * SECOND,
  callbackWaitMsMax: HOUR,
  /** One try with all its redirects ends within half of this; one that was lost is made again after it. */
  callbackTryMsMax: MINUTE,
  /** One request of a try. */
  callbackCallMsMax: 10 * SECOND,
  callbackRedirectsMax: 2,
  /** What a receiver answers is not read beyond its status. */
  callbackAnswerBytesMax: 64 * KiB,
  callbackUrlCharsMax: 2_048,
  /** Life of a callback's signature: clocks that differ, and a slow way. */
  callbackSignatureMs: 5 * MINUTE,
  /** Looked at again after this while a suspension, a lock or an outage holds a callback back. */
  callbackPostponeMs: MINUTE,
  /** Looked at again after this while the tenant is on its way between cells, or lives in another one. */
  elsewhereRetryMs: MINUTE,
  /** Waited for where as many callbacks are under way as may be, and as long again by chance. */
  callbackNoRoomMs: 5 * SECOND,
  /** Callbacks under way at once, of one process and of one tenant in it: slow receivers hold up nobody else's. */
  callbacksMax: 64,
  callbacksPerTenantMax: 8,
  /** Open sockets that follow tasks, of one process and of one tenant in it. */
  socketsMax: 1_024,
  socketsPerTenantMax: 256,
  /** Tasks that one socket follows at once. */
  socketSubscriptionsMax: 32,
  socketMessageBytesMax: 4 * KiB,
  /** Messages of one client that wait for their turn. */
  socketPendingMax: 64,
  /** Characters on their way to one client that it has not said to have read: 1,024 clients that read nothing hold 128 MiB. */
  socketWindowBytes: 128 * KiB,
  socketWatchMs: SECOND,
  socketPingMs: 20 * SECOND,
  /** Three pings without a word. */
  socketSilenceMsMax: MINUTE,
  /** A revoked credential's socket ends within this. */
  socketCheckMs: 30 * SECOND,
  /** Nobody could say for so long whether its credential is good. */
  socketUnconfirmedMsMax: 3 * MINUTE,
  /** Bytes of recent frames that a task keeps in memory for those who watch; whoever is slower reads what is durable. */
  logLiveBytesMax: 1 * MiB,
  /** Those who watch one task at once. */
  watchersMax: 1_000,
  /** The log of a task is flushed with its first frame, then this often or every so many frames. */
  logFlushMs: 250,
  logFlushFrames: 64,
  /** Parts of all logs of a process share a transaction this often: 40 a second, however many streams there are. */
  logJournalMs: 25,
  /** Larger ones go into their task's own file, where they cost no second write. */
  logJournalPartBytesMax: 16 * KiB,
  /** Parts of one log that wait for its file: with 1,024 streams at most 65,536 rows, some 500 bytes each as a rule. */
  logJournalPartsMax: 64,
  /** Rows that a task's file has are deleted this much later, many at once. */
  logJournalForgetMs: SECOND,
  /** Tasks that a process looks at when it starts, four times what the one before it could have had, and at once. */
  formerTasksMax: 4_096,
  formerTasksAtOnce: 8,
  /** Clients that get an error frame and the end of its connection at once, as fetch does, throw the frame away. */
  lastFrameMs: 100,
  /** Turns of the event loop that are sure to lie in between, however late its timers are. */
  lastFrameSteps: 4,
  /** Call, log and result of a detached task are kept this long after its deadline. */
  detachedLifeMs: 24 * HOUR,
  /** Whoever cancels a task is answered once it has ended, or told to ask again. */
  cancelWaitMs: 10 * SECOND,
  /** Longest `Prefer: wait`. */
  preferWaitMsMax: MINUTE,
  /** Lines of one batch that are outside of its object at once. */
  batchWindowMax: 64,

  // --- files and batches
  /** OpenAI's largest file. */
  fileBytesMax: 512 * MiB,
  filesPerTenantMax: 10_000,
  fileNameCharsMax: 255,
  /** 512 MB in an hour are 1.2 Mbit/s; what is not complete by then is removed. */
  uploadMsMax: HOUR,
  /** Nothing of an upload arrived for so long. */
  uploadIdleMsMax: MINUTE,
  /** Header lines of one part of a form. */
  multipartHeaderBytesMax: 16 * KiB,
  /** A form's fields besides its file: purpose and expiry. */
  multipartFieldsMax: 16,
  multipartFieldBytesMax: 4 * KiB,
  /** OpenAI: an hour to 30 days. */
  fileExpiresSMin: 3_600,
  fileExpiresSMax: 30 * 24 * 3_600,
  filesListMax: 10_000,
  /** OpenAI's bounds of one batch. */
  batchLinesMax: 50_000,
  batchInputBytesMax: 200 * MiB,
  batchLineBytesMax: 8 * MiB,
  batchWindowMsMax: 24 * HOUR,
  batchesActiveMax: 100,
  batchesPerTenantMax: 10_000,
  /** Bad lines that a batch names; the others are as wrong. */
  batchErrorsMax: 1_000,
  /** Lines of one step of the validation: one call of the object each. */
  batchStepLinesMax: 500,
  batchStepBytesMax: 8 * MiB,
  /** Results wait this long for company, or until there are so many bytes of them. */
  batchFlushMs: 250,
  batchFlushBytes: 4 * MiB,
  /** Whoever drives a batch writes or renews several times within this. */
  batchLeaseMs: 30 * SECOND,
  /** On platforms that keep an alarm at work for minutes at most. */
  batchTurnMsMax: 20 * SECOND,
  /** Tasks of one line that were turned away before anything was done, because the cell had no room for them. */
  batchLineTriesMax: 200,
  batchRetryMsMin: 500,
  batchRetryMsMax: 30 * SECOND,

  // --- pre-authentication, per client address (defaults; the snapshot may change them)
  preauthPerMinute: 120,
  preauthAddressesMax: 50_000,

  // --- cells and the global entry
  directoryCellsMax: 64,
  directoryHostsMax: 16,
  /** 43 characters a tenant: 50,000 that moved and 50,000 with transit are 4.6 MiB of directory. */
  directoryTenantsMax: 50_000,
  directoryIssuersMax: 10_000,
  directoryBytesMax: 16 * MiB,
  /** A week without whoever signs directories; a day is what the command gives. */
  directoryLifeMsMax: 7 * DAY,
  directoryRefreshMs: 30 * SECOND,
  directoryReadMsMax: 5 * SECOND,
  /** One in use, one that comes and one that goes. */
  forwardingKeysMax: 4,
  /** They come with every state of a tenant: 64 of at most 2 KiB are 128 KiB, of common ones 10 KiB. */
  pinsPerTenantMax: 64,
  pinNamesMax: 16,
  /** A part of a moving tenant before it is sealed: what an upload holds at once, and 8 GiB are 2,048 parts. */
  movedPartBytesMax: 4 * MiB,
  /** A part holds at most one row beyond its bound; the longest row is 2 MiB, or 3 MiB as base64. */
  movedPartSealedBytesMax: 12 * MiB,
  /** Calls of objects and stores for one part: whoever writes it makes about as many. */
  movedPartStepsMax: 1_000,
  /** After so many a request ends and is gone on with: Workers allow 10,000 a request, and a part more may be under way. */
  movedRequestStepsMax: 4_000,
  /** Names that are asked for at once: 80 bytes each. */
  movedNamesMax: 1_000,
  /** 100 bytes a subject and 8 MiB of manifest: parts for 320 GiB. */
  movedPartsMax: 80_000,
  movedManifestBytesMax: 16 * MiB,
  /** The widest table has 20. */
  movedColumnsMax: 64,
  /** What one call of an import writes for, of the ten minutes that a call may take. */
  movedImportMs: 20 * SECOND,
  /** Who asked for a move waits so long before asking again whether what runs has ended. */
  movedRetryMs: 1_000,
  /** A call's pages in a write-ahead log are 4 to 16 KiB: a disk without room for four of those takes no call. */
  homeProbeBytes: 64 * KiB,
  /** A sync a second is nothing to a disk; a load balancer asks more seldom. */
  homeProbeMs: SECOND,
  /** What a crash left of an import that was called off is looked for so often, with one list of the store. */
  movedTidyMs: HOUR,
  /** A body of some KiB is written within 1 ms of its headers; ten times that is lost in the way to another region. */
  unreadAnswerMs: 10,
  /** DESIGN §8: a forwarded call's header is good for a minute. */
  forwardingMsMax: MINUTE,
  /** Claims of one call; the address, host and traceparent are the longest. */
  forwardingHeaderCharsMax: 2_048,
  /** One-time numbers that are remembered for 90 s: 1,400 forwarded calls a second, about 20 MB. */
  forwardingNoncesMax: 131_072,
  /** A cell that takes longer to begin an answer than any deadline allows is gone. */
  forwardedAnswerMsMax: 31 * MINUTE,
  /** A socket is opened by a decision alone, which waits at most 20 s for the cell's objects. */
  forwardedSocketMsMax: 30 * SECOND,
  /** How often a caller that had no room is looked at: a window each is 5 MiB a second. */
  socketHeldMs: 25,
} as const;
