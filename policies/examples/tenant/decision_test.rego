package bailiwick.test

call := {
	"action": "inference:invoke",
	"actor": {"kind": "service"},
	"scopes": {"workspace": "default", "environment": "default"},
	"purpose": null,
	"features": {"tools": false},
}

# 1 July 2026 was a Wednesday; noon in Berlin is ten in UTC.
noon := time.parse_rfc3339_ns("2026-07-01T10:00:00Z")

night := time.parse_rfc3339_ns("2026-07-01T20:00:00Z")

saturday := time.parse_rfc3339_ns("2026-07-04T10:00:00Z")

decide(members, now) := decision if {
	decision := data.bailiwick.decision with input as object.union(call, members)
		with time.now_ns as now
}

test_training_is_refused if {
	decide({"purpose": "training"}, noon) == {"decision": "DENY", "reasons": ["example_no_training"]}
}

test_people_use_no_tools_in_production if {
	members := {"features": {"tools": true}, "scopes": {"environment": "production"}, "actor": {"kind": "user"}}
	decide(members, noon).reasons == ["example_tools_in_production"]
	decide(object.union(members, {"actor": {"kind": "service"}}), noon).decision == "ROUTE"
}

test_bulk_work_waits_for_the_evening if {
	decide({"purpose": "bulk"}, noon).throttle.limit == "example_bulk_hours"
	decide({"purpose": "bulk"}, night).decision == "ROUTE"
	decide({"purpose": "bulk"}, saturday).decision == "ROUTE"
	decide({"purpose": "support"}, noon).decision == "ROUTE"
}

test_keys_need_four_eyes if {
	decision := decide({"action": "key:write"}, noon)
	decision.decision == "REQUIRE_HITL"
	decision.approval.role == "approver"
}

test_dear_models_are_for_research if {
	decide({}, noon).route.deny == [{"tier": 2}]
	decide({"scopes": {"workspace": "research"}}, noon).route.deny == []
}

test_nothing_personal_leaves if {
	some rule in decide({}, noon).route.obligations
	rule.match == {"locality": "api"}
	some obligation in rule.obligations
	obligation.id == "redact_input"
	"email" in obligation.params.detectors
}

test_answers_carry_a_disclaimer_and_no_secrets if {
	ids := {obligation.id | some obligation in decide({}, noon).obligations}
	ids == {"redact_output", "disclaimer"}
}

test_whatever_it_does_not_care_for_is_left_to_the_cell if {
	decide({"action": "model:read"}, noon) == {"decision": "ALLOW", "reasons": ["example_no_demand"]}
}
