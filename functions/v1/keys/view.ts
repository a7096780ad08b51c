import type { KeyView } from "../../../shared/contracts/ports/tenant-store.ts";
import { rfc3339 } from "../time.ts";

export const keyObject = (key: KeyView) => ({
  object: "key",
  id: key.kid,
  name: key.name,
  workspace: key.workspace,
  project: key.project,
  environment: key.environment,
  subject: key.subject,
  kind: key.kind,
  roles: key.roles,
  scopes: key.granted,
  cell_operator: key.cell_operator,
  created_at: rfc3339(key.created_ms),
  expires_at: rfc3339(key.expires_ms),
  revoked_at: rfc3339(key.revoked_ms),
  last_used_at: rfc3339(key.last_used_ms),
  rotated_to: key.rotated_to,
  created_by: key.created_by,
  made_by: key.made_by,
  version: key.version,
});
