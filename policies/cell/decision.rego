# METADATA
# title: The cell's policy
# description: >-
#   What the operators of this cell demand of every call, whatever a tenant's own policy says. Whatever no rule below
#   allows is denied: an input that lacks a member, an action that nobody listed, facts that are missing.
#   The order is: who may ask (rbac.rego), what speaks against the call as a whole (denials), which candidates remain
#   (candidates.rego), then step-up, approval, routing. Each demand stands in the file that is named after it.
package bailiwick

default decision := {"decision": "DENY", "reasons": ["default_deny"]}

# The usual call comes first: everything holds, and nothing goes with the answer.
decision := {"decision": "ALLOW", "reasons": [access]} if {
	access == "role_and_scope"
	complete
	count(denials) == 0
	count(usable) == count(input.candidates)
	count(duties) == 0
	count(candidate_duties) == 0
	not capped
	not step_up
	not approval
}

else := {"decision": "DENY", "reasons": [access]} if access != "role_and_scope"

else := {"decision": "DENY", "reasons": ["default_deny"]} if not complete

else := {"decision": "DENY", "reasons": sort(denials)} if count(denials) > 0

else := {"decision": "DENY", "reasons": sort(objections)} if {
	reaches_engine
	count(usable) == 0
}

else := object.union(terms, {
	"decision": "REQUIRE_STEP_UP",
	"reasons": ["step_up"],
	"acr": {"values": facts.high_risk.acr_values},
}) if {
	step_up
}

else := object.union(terms, {
	"decision": "REQUIRE_HITL",
	"reasons": ["high_risk"],
	"approval": approval,
}) if {
	approval
}

else := object.union(terms, {"decision": "ROUTE", "reasons": route_reasons}) if terms.route

else := object.union(terms, {"decision": "ALLOW", "reasons": [access]}) if terms

# What goes with the answer, whichever it is: the candidates that may be used and under what, obligations, caps.
terms := object.union_n([routing, obligations, limits])

routing := {"route": {
	"allow": [{"candidate": candidate.id} | some candidate in usable],
	"obligations": candidate_duties,
}} if routed

else := {}

route_reasons := sort(objections | {access}) if excluded

else := [access]

# A call whose candidates are all usable, with nothing to be done for any of them, is not routed.
routed if excluded

else if count(candidate_duties) > 0

excluded if count(usable) < count(input.candidates)

obligations := {"obligations": [duty | some duty in duties]} if count(duties) > 0

else := {}

# What the configuration says, for this tenant and no other (shared/contracts/policy/facts.ts).
facts := data.facts

# Whatever the rules of this policy read. Without any of it, nothing is allowed.
complete if {
	input.schema_version == 1
	input.operation
	input.effect
	input.privacy
	input.candidates
	input.markings
	input.cell.jurisdiction
	input.features.detected
	grants_known
	call
	known := facts
	known.schema_version == 1
	known.tenant.id == input.scopes.tenant
	known.residency.jurisdictions_allow
	known.providers.deny
	known.privacy.local_only_intents
	known.privacy.local_only_classifications
	known.intents
	known.markings
	known.restrictions
	known.data_loss.detectors
	known.data_loss.output
	known.high_risk.actions
	known.high_risk.acr_values
}
