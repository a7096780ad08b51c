import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { type EntryFacts, entryFacts } from "./entry-facts.ts";
import { OCSF_ACTIVITIES, OCSF_CLASSES, OCSF_KINDS, OCSF_OTHER, type OcsfKind } from "./ocsf-kinds.ts";

export const OCSF_VERSION = "1.5.0";

const OTHER = 99;
const STATUS = {
  success: { status_id: 1, status: "Success" },
  failure: { status_id: 2, status: "Failure" },
  pending: { status_id: OTHER, status: "Pending" },
} as const;
const SEVERITIES = ["Informational", "Low", "Medium", "High"] as const;

/** One entry as an OCSF 1.5 event: its own text is in `raw_data`, so that it can still be proven in its log. */
export function ocsfEvent(origin: string, text: string): JsonObject {
  const entry = entryFacts(text);
  const kind = OCSF_KINDS[entry.kind] ?? OCSF_OTHER;
  const { class_uid, category_uid, class_name } = OCSF_CLASSES[kind.class];
  const activity_id = typeof kind.activity === "number" ? kind.activity : OTHER;
  const activity_name =
    typeof kind.activity === "number" ? (OCSF_ACTIVITIES[kind.class][kind.activity] ?? "Other") : kind.activity;
  const severity_id = Math.min(SEVERITIES.length, kind.severity + (entry.outcome === "failure" ? 1 : 0));
  const reason = entry.detail.reason ?? entry.detail.error;
  return {
    activity_id,
    activity_name,
    category_uid,
    class_name,
    class_uid,
    type_uid: class_uid * 100 + activity_id,
    type_name: `${class_name}: ${activity_name}`,
    severity_id,
    severity: SEVERITIES[severity_id - 1] ?? "Informational",
    ...STATUS[entry.outcome],
    ...(typeof reason === "string" ? { status_code: reason } : {}),
    time: Date.parse(entry.at),
    message: `${entry.kind} ${entry.action}`,
    metadata: {
      version: OCSF_VERSION,
      product: { name: "Bailiwick", vendor_name: "Bailiwick", version: entry.release },
      uid: `${origin}#${entry.seq}`,
      log_name: origin,
      log_provider: entry.cell,
      event_code: entry.kind,
      original_time: entry.at,
      sequence: entry.seq,
      tenant_uid: entry.tenant,
      ...(entry.request === "" ? {} : { correlation_uid: entry.request }),
    },
    ...bodyOf(kind, entry),
    raw_data: text,
  };
}

function bodyOf(kind: OcsfKind, entry: EntryFacts): JsonObject {
  const user = userOf(entry);
  const about = { actor: { user }, src_endpoint: endpointOf(entry) };
  switch (kind.class) {
    case "authentication":
      return { ...about, user, service: { name: "Bailiwick", uid: entry.cell }, is_remote: true };
    case "account_change":
      return { ...about, user: accountOf(entry) };
    case "entity_management":
      return { ...about, entity: { name: nameOf(kind.entity ?? entry.kind, entry), type: kind.entity ?? entry.kind } };
    case "api_activity":
      return {
        ...about,
        api: {
          operation: typeof entry.detail.operation === "string" ? entry.detail.operation : entry.action,
          service: { name: "Bailiwick", uid: entry.cell },
          ...(entry.request === "" ? {} : { request: { uid: entry.request } }),
        },
        resources: [
          { type: "workspace", uid: `${entry.workspace}/${entry.project}/${entry.environment}` },
          ...taskOf(entry),
        ],
      };
  }
}

const taskOf = ({ task }: EntryFacts): JsonValue[] => (task === null ? [] : [{ type: "task", uid: task }]);

/** Entries that alarms write have no caller: the cell itself is the actor. */
const userOf = ({ subject, credential, tenant, cell }: EntryFacts): JsonObject => ({
  uid: subject === "" ? `cell:${cell}` : subject,
  name: subject === "" ? `cell:${cell}` : subject,
  org: { uid: tenant },
  ...(credential === "" ? {} : { credential_uid: credential }),
});

/** Who a key belongs to, where the entry says so; else only which key it is. */
function accountOf({ detail, tenant }: EntryFacts): JsonObject {
  const key = detail.key;
  const row = isJsonObject(key) ? key : {};
  const kid = typeof key === "string" ? key : typeof row.kid === "string" ? row.kid : "unknown";
  const subject = typeof row.subject === "string" ? row.subject : `key:${kid}`;
  return { uid: subject, name: subject, credential_uid: `key:${kid}`, org: { uid: tenant } };
}

const endpointOf = ({ source, cell }: EntryFacts): JsonObject =>
  source === null ? { svc_name: `cell:${cell}` } : { ip: source };

/** What the detail names: the thing itself or its id, else the kind of thing alone. */
function nameOf(type: string, { detail }: EntryFacts): string {
  const about = detail[type];
  const members = isJsonObject(about) ? about : { ...detail, id: about ?? detail.id ?? null };
  for (const member of ["id", "ref", "kid", "revision", "digest", "layer"]) {
    const value = members[member];
    if (typeof value === "string" || typeof value === "number") return String(value);
  }
  return type;
}
