# METADATA
# title: What somebody else must approve first
# description: >-
#   A tenant's policy with one concern: tables of actions and models in data.json, each with how many people of which role
#   must approve before it happens (one approver, unless said otherwise), and whether they may change the request. An
#   approval answers the demand, and the same rules are asked again when the request then runs.
package bailiwick

default decision := {"decision": "ALLOW", "reasons": ["example_no_demand"]}

decision := {
	"decision": "REQUIRE_HITL",
	"reasons": sort(wanted_by),
	"approval": {"approvers": approvers, "role": role, "edit": edit},
} if {
	count(demands) > 0
}

# --- what is asked for: of the action, and of every model that the call may use

demands contains data.approvals.actions[input.action]

demands contains data.approvals.models[candidate.alias] if some candidate in input.candidates

wanted_by contains "example_action" if data.approvals.actions[input.action]

wanted_by contains "example_model" if {
	some candidate in input.candidates
	data.approvals.models[candidate.alias]
}

# --- several demands are one: of the most people, and changed only where each allows it

approvers := max({object.get(demand, "approvers", 1) | some demand in demands})

roles := {object.get(demand, "role", "approver") | some demand in demands}

# One demand names one role; where the tables differ, whoever administers decides.
role := one if {
	count(roles) == 1
	some one in roles
}

else := "admin"

default edit := false

edit if every demand in demands { demand.edit == true }
