# METADATA
# title: A tenant's own policy
# description: >-
#   What Example Ltd. asks of its own calls, on top of what the cell asks of everybody. It can only add demands: whatever
#   the cell denies stays denied. Change the tables in data.json, or the rules, and try the result with a simulation.
package bailiwick

# A tenant's policy may stay silent about what it does not care for: the cell has its own denials.
default decision := {"decision": "ALLOW", "reasons": ["example_no_demand"]}

decision := {"decision": "DENY", "reasons": sort(refusals)} if count(refusals) > 0

else := {
	"decision": "THROTTLE",
	"reasons": ["example_business_hours"],
	"throttle": {"limit": "example_bulk_hours"},
	"ttl_s": 900,
} if {
	bulk_in_business_hours
}

else := {
	"decision": "REQUIRE_HITL",
	"reasons": ["example_four_eyes"],
	"approval": {"approvers": 1, "role": "approver", "edit": false},
} if {
	input.action in data.example.approved_actions
}

else := {
	"decision": "ROUTE",
	"reasons": ["example_route"],
	"route": {"deny": frontier, "obligations": [outside]},
	"obligations": answers,
} if {
	input.action == "inference:invoke"
}

# --- what is refused

refusals contains "example_no_training" if input.purpose == "training"

refusals contains "example_tools_in_production" if {
	input.features.tools
	input.scopes.environment == "production"
	input.actor.kind == "user"
}

# --- bulk work waits until the evening

bulk_in_business_hours if {
	input.action == "inference:invoke"
	input.purpose == "bulk"
	zone := data.example.business_hours.time_zone
	[hour, _, _] := time.clock([time.now_ns(), zone])
	hour >= data.example.business_hours.from
	hour < data.example.business_hours.until
	not time.weekday([time.now_ns(), zone]) in {"Saturday", "Sunday"}
}

# --- routing: the dear models are for those who need them

frontier := [{"tier": 2}] if not input.scopes.workspace in data.example.frontier_workspaces

else := []

# Nothing personal leaves for a provider, and answers from there are short.
outside := {
	"match": {"locality": "api"},
	"obligations": [
		{"id": "redact_input", "params": {"detectors": data.example.personal}},
		{"id": "cap_output_tokens", "params": {"max": 2048}},
	],
}

# --- answers

answers := [
	{"id": "redact_output", "params": {"detectors": data.example.secrets}},
	{"id": "disclaimer", "params": {"text": "Generated text. Check it before you rely on it."}},
]
