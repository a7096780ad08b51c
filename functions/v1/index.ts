import { approveApproval, editApproval, rejectApproval } from "./approvals/decide.ts";
import { getApproval } from "./approvals/get.ts";
import { listApprovals } from "./approvals/list.ts";
import { getApprovalResult } from "./approvals/result.ts";
import { cancelBatch, createBatch, getBatch, listBatches } from "./batches/batches.ts";
import { deleteBudget } from "./budgets/delete.ts";
import { listBudgets } from "./budgets/list.ts";
import { createBudget, putBudget } from "./budgets/put.ts";
import { openApi, reference } from "./cell/documents.ts";
import { health, metrics, protectedResource, ready } from "./cell/health.ts";
import { signingKeys } from "./cell/keys.ts";
import {
  createConversation,
  deleteConversation,
  getConversation,
  updateConversation,
} from "./conversations/conversations.ts";
import { createItems, deleteItem, getItem, listItems } from "./conversations/items.ts";
import { createCredential } from "./credentials/create.ts";
import { deleteCredential } from "./credentials/delete.ts";
import { listCredentials } from "./credentials/list.ts";
import { getDecision, listDecisions, logDecisions } from "./decisions/decisions.ts";
import { createErasure, listErasures } from "./erasures/erasures.ts";
import { getFileContent } from "./files/download.ts";
import { deleteFile, getFile, listFiles } from "./files/files.ts";
import { createFile } from "./files/upload.ts";
import { chatCompletions, completions, embeddings, messages, predict, responses } from "./inference/views.ts";
import { createKey } from "./keys/create.ts";
import { listKeys } from "./keys/list.ts";
import { revokeKey } from "./keys/revoke.ts";
import { rotateKey } from "./keys/rotate.ts";
import { exportCellLedger, exportLedger } from "./ledger/export.ts";
import { listCellLedger, listLedger } from "./ledger/list.ts";
import { readCellCheckpoint, readCellTile, readCheckpoint, readTile } from "./ledger/tiles.ts";
import { getModel, listModels } from "./models/list.ts";
import {
  getTensorModel,
  getTensorModelVersion,
  tensorModelReady,
  tensorModelVersionReady,
} from "./models/tensor-models.ts";
import { tensorServer, tensorServerLive, tensorServerReady } from "./models/tensor-server.ts";
import type { Operation } from "./operation.ts";
import { activateBundle, getArchive, getBundle, listBundles } from "./policies/bundles.ts";
import { deletePolicyKey, getPolicyKey, listPolicyKeys, putPolicyKey } from "./policies/keys.ts";
import { putBundle } from "./policies/put-bundle.ts";
import { simulatePolicy } from "./policies/simulate.ts";
import { endCanary, getPolicy, rollbackPolicy } from "./policies/state.ts";
import { getDeadLetter, listDeadLetters } from "./pools/dead-letters.ts";
import { getPool, listPools } from "./pools/pools.ts";
import { deleteDeadLetter, purgeDeadLetters } from "./pools/purge.ts";
import { redriveDeadLetter } from "./pools/redrive.ts";
import { getPin, pinWorkspace, unpinWorkspace } from "./registry/pins.ts";
import { environmentOperations, projectOperations, workspaceOperations } from "./registry/scopes.ts";
import { cancelResponse } from "./responses/cancel.ts";
import { deleteResponse, getResponse, listResponseInput } from "./responses/stored.ts";
import { connectTaskSocket } from "./sockets/connect.ts";
import { cancelTask } from "./tasks/cancel.ts";
import { createTask } from "./tasks/create.ts";
import { taskEventStream } from "./tasks/events.ts";
import { getTaskEvidence } from "./tasks/evidence.ts";
import { getTask } from "./tasks/get.ts";
import { createTenant } from "./tenants/create.ts";
import { exportTenant, releaseTenant } from "./tenants/export.ts";
import { getTenant } from "./tenants/get.ts";
import { activateTenant, importTenant, putImportPart } from "./tenants/import.ts";
import { cancelMove, getMove, leaveCell } from "./tenants/leave.ts";
import { listTenants } from "./tenants/list.ts";
import { updateTenant } from "./tenants/update.ts";
import { reportUsage } from "./usage/report.ts";
import { connectWorker } from "./workers/connect.ts";
import { workloadKeys } from "./workers/jwks.ts";
import { createWorkerToken } from "./workers/token.ts";

/** Every route of the cell. Router, OpenAPI document, policy actions and tests derive from it. */
export const OPERATIONS: readonly Operation[] = [
  chatCompletions,
  responses,
  completions,
  embeddings,
  messages,
  predict,
  listModels,
  getModel,
  tensorServer,
  tensorServerLive,
  tensorServerReady,
  getTensorModel,
  tensorModelReady,
  getTensorModelVersion,
  tensorModelVersionReady,
  getTask,
  getTaskEvidence,
  createTask,
  connectTaskSocket,
  taskEventStream,
  cancelTask,
  getResponse,
  listResponseInput,
  cancelResponse,
  deleteResponse,
  createConversation,
  getConversation,
  updateConversation,
  deleteConversation,
  listItems,
  createItems,
  getItem,
  deleteItem,
  createErasure,
  listErasures,
  createFile,
  listFiles,
  getFile,
  getFileContent,
  deleteFile,
  createBatch,
  listBatches,
  getBatch,
  cancelBatch,
  createTenant,
  listTenants,
  getTenant,
  updateTenant,
  leaveCell,
  getMove,
  cancelMove,
  exportTenant,
  releaseTenant,
  putImportPart,
  importTenant,
  activateTenant,
  ...workspaceOperations,
  pinWorkspace,
  getPin,
  unpinWorkspace,
  ...projectOperations,
  ...environmentOperations,
  createKey,
  listKeys,
  rotateKey,
  revokeKey,
  createBudget,
  listBudgets,
  putBudget,
  deleteBudget,
  createCredential,
  listCredentials,
  deleteCredential,
  reportUsage,
  getPolicy,
  putBundle,
  listBundles,
  getBundle,
  getArchive,
  activateBundle,
  rollbackPolicy,
  endCanary,
  simulatePolicy,
  putPolicyKey,
  listPolicyKeys,
  getPolicyKey,
  deletePolicyKey,
  listApprovals,
  getApproval,
  approveApproval,
  rejectApproval,
  editApproval,
  getApprovalResult,
  listDecisions,
  // Before the decision that would be called `log`.
  logDecisions,
  getDecision,
  listLedger,
  readCheckpoint,
  readTile,
  exportLedger,
  listCellLedger,
  readCellCheckpoint,
  readCellTile,
  exportCellLedger,
  listPools,
  getPool,
  listDeadLetters,
  purgeDeadLetters,
  getDeadLetter,
  deleteDeadLetter,
  redriveDeadLetter,
  createWorkerToken,
  connectWorker,
  workloadKeys,
  health,
  ready,
  metrics,
  protectedResource,
  signingKeys,
  openApi,
  reference,
];
