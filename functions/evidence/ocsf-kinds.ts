/** OCSF 1.5 classes that ledger entries become. */
export const OCSF_CLASSES = {
  account_change: { class_uid: 3001, category_uid: 3, class_name: "Account Change" },
  authentication: { class_uid: 3002, category_uid: 3, class_name: "Authentication" },
  entity_management: { class_uid: 3004, category_uid: 3, class_name: "Entity Management" },
  api_activity: { class_uid: 6003, category_uid: 6, class_name: "API Activity" },
} as const;
export type OcsfClass = keyof typeof OCSF_CLASSES;

export const OCSF_ACTIVITIES: Readonly<Record<OcsfClass, Readonly<Record<number, string>>>> = {
  account_change: { 1: "Create", 4: "Password Reset", 5: "Disable" },
  authentication: { 1: "Logon" },
  entity_management: { 1: "Create", 2: "Read", 3: "Update", 4: "Delete" },
  api_activity: { 1: "Create", 2: "Read", 3: "Update", 4: "Delete" },
};

/** Informational, low, medium, high: OCSF's 1 to 4. */
export type OcsfSeverity = 1 | 2 | 3 | 4;

export interface OcsfKind {
  class: OcsfClass;
  /** A number of the class, or our own word for what none of its activities means (OCSF's 99). */
  activity: number | string;
  /** Of a success; failures are one higher. */
  severity: OcsfSeverity;
  /** What an Entity Management event is about. */
  entity?: string;
}

const api = (activity: number | string, severity: OcsfSeverity = 1): OcsfKind => ({
  class: "api_activity",
  activity,
  severity,
});
const entity = (entity: string, activity: number | string, severity: OcsfSeverity = 1): OcsfKind => ({
  class: "entity_management",
  activity,
  severity,
  entity,
});
const account = (activity: number): OcsfKind => ({ class: "account_change", activity, severity: 1 });

/** What each kind of entry is to a SIEM; docs/ocsf.md shows this table. Every kind of the ledger is in it. */
export const OCSF_KINDS: Readonly<Record<string, OcsfKind>> = {
  "tenant.provisioned": entity("tenant", 1),
  "tenant.changed": entity("tenant", 3),
  "tenant.leaving": entity("tenant", "Leave", 2),
  "tenant.staying": entity("tenant", "Stay", 2),
  "tenant.left": entity("tenant", "Move away", 2),
  "tenant.arrived": entity("tenant", "Move in", 2),
  "task.opened": api(1),
  "task.closed": api("Close"),
  "task.abandoned": api("Abandon", 2),
  "task.corrected": api(3),
  "call.refused": api("Refuse"),
  "key.created": account(1),
  "key.rotated": account(4),
  "key.revoked": account(5),
  "budget.changed": entity("budget", 3),
  "budget.deleted": entity("budget", 4),
  "credential.created": entity("credential", 1),
  "credential.deleted": entity("credential", 4),
  "config.changed": entity("configuration", 3),
  "approval.requested": api("Request approval"),
  "approval.approved": api("Approve"),
  "approval.rejected": api("Reject"),
  "approval.edited": api("Edit and approve"),
  "approval.expired": api("Expire"),
  "approval.executed": api("Execute"),
  "callback.ended": api("Call back"),
  "policy.bundle_stored": entity("policy", 1),
  "policy.activated": entity("policy", "Activate"),
  "policy.rolled_back": entity("policy", "Roll back"),
  "policy.canary": entity("policy", "Canary"),
  "policy.key_registered": entity("policy key", 1),
  "policy.key_removed": entity("policy key", 4),
  "authentication.failed": { class: "authentication", activity: 1, severity: 2 },
  "data.read": api(2),
  "data.changed": api(3),
  "data.erased": api(4),
  "ledger.halted": entity("ledger", "Halt", 3),
  "ledger.resumed": entity("ledger", "Resume", 2),
  "signing_key.added": entity("signing key", 1, 2),
  "dead_letter.redriven": entity("dead letter", "Redrive", 2),
  "dead_letter.purged": entity("dead letter", 4, 2),
};

/** For kinds that this code does not know yet. */
export const OCSF_OTHER: OcsfKind = api("Other");
