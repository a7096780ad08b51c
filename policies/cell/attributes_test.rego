# Intents, purposes, restrictions, caps, data-loss prevention and high-risk actions.
package bailiwick.test

test_an_intent_uses_its_tiers_only if {
	facts := {"intents": {"answer": {"tiers": [true, true, false]}}}
	routed({"intent": "answer"}, facts, ["pool:small-1"], ["tier_not_allowed"])
}

test_an_intent_takes_its_routes_only if {
	facts := {"intents": {"own": {
		"privacy": "allow-api",
		"routes": {"local": true},
		"tiers": [true, true, true],
		"purposes": null,
		"limits": {},
	}}}
	routed({"intent": "own"}, facts, ["pool:small-1"], ["route_not_allowed"])
}

test_caps_of_an_intent_go_with_the_answer if {
	limits := {"budget_nusd": 5000, "output_tokens_max": 64, "latency_ms_max": 2000}
	decision := decide({"intent": "answer"}, {"intents": {"answer": {"limits": limits}}})
	decision == {"decision": "ALLOW", "reasons": ["role_and_scope"], "limits": limits}
}

test_a_purpose_that_is_not_listed_is_denied if {
	facts := {"tenant": {"purposes": {"support": true}}}
	allowed({"purpose": "support"}, facts)
	denied({"purpose": "training"}, facts, ["purpose_not_allowed"])
	denied({"purpose": null}, facts, ["purpose_not_allowed"])
}

test_an_intents_purposes_count_as_well if {
	facts := {"intents": {"answer": {"purposes": {"support": true}}}}
	allowed({"intent": "answer", "purpose": "support"}, facts)
	denied({"intent": "answer", "purpose": "training"}, facts, ["purpose_not_allowed"])
}

test_calls_that_reach_no_engine_need_no_purpose if {
	allowed(manage("model:read", {}), {"tenant": {"purposes": {"support": true}}})
}

restriction(when, deny, only) := {"restrictions": [{"id": "r1", "when": when, "deny": deny, "only": only}]}

test_a_restriction_denies_the_calls_it_is_about if {
	every when in [
		{"action": {"inference:invoke": true}},
		{"actor_kind": {"service": true}},
		{"workspace": {"default": true}},
		{"project": {"default": true}},
		{"environment": {"default": true}},
		{"intent": {"answer": true}},
		{"purpose": {"support": true}},
		{"classification": {"restricted": true}},
		{},
	] {
		call := {"intent": "answer", "purpose": "support", "classification": "restricted"}
		denied(call, restriction(when, true, {}), ["restricted:r1"])
	}
}

test_a_restriction_leaves_other_calls_alone if {
	every when in [
		{"action": {"key:write": true}},
		{"actor_kind": {"user": true}},
		{"environment": {"production": true}},
		{"intent": {"answer": true}},
		{"environment": {"default": true}, "classification": {"restricted": true}},
	] {
		allowed({}, restriction(when, true, {}))
		allowed({}, restriction(when, false, {"tier": {"1": true}}))
	}
}

test_a_restriction_keeps_calls_to_the_candidates_it_names if {
	every only in [
		{"candidate": {"pool:small-1": true}},
		{"model": {"small-1": true}},
		{"provider": {"pool": true}},
		{"tier": {"0": true, "1": true}},
		{"locality": {"local": true}},
		{"alias": {"fast": true}, "jurisdiction": {"eu": true}, "model": {"small-1": true}},
	] {
		routed({}, restriction({}, false, only), ["pool:small-1"], ["restricted:r1"])
	}
	denied({}, restriction({}, false, {"alias": {"slow": true}}), ["restricted:r1"])
}

detectors(effect, leaving_only) := {"data_loss": {"detectors": {
	"api-key": {"effect": effect, "leaving_only": leaving_only},
	"email": {"effect": effect, "leaving_only": leaving_only},
}}}

found(names) := {"features": {"detected": names}}

test_a_find_that_is_denied_stops_the_call if {
	denied(found(["api-key"]), detectors("deny", false), ["data_loss"])
	allowed(found([]), detectors("deny", false))
	allowed(found(["phone"]), detectors("deny", false))
}

test_where_nobody_looked_everything_counts_as_found if {
	denied({}, detectors("deny", false), ["data_loss_unchecked"])
	routed({}, detectors("deny", true), ["pool:small-1"], ["data_loss_unchecked"])
	allowed(manage("model:read", {}), detectors("deny", false))
}

test_a_find_that_must_not_leave_is_computed_here if {
	routed(found(["email"]), detectors("deny", true), ["pool:small-1"], ["data_loss"])
	denied(object.union(found(["email"]), {"candidates": [provider]}), detectors("deny", true), ["data_loss"])
}

test_a_find_is_taken_out if {
	decision := decide(found(["email"]), detectors("redact", false))
	decision.decision == "ALLOW"
	decision.obligations == [{"id": "redact_input", "params": {"detectors": ["email"]}}]
	unseen := decide({}, detectors("redact", false))
	unseen.obligations == [{"id": "redact_input", "params": {"detectors": ["api-key", "email"]}}]
}

test_a_find_is_taken_out_of_what_leaves if {
	decision := decide(found(["email"]), detectors("redact", true))
	decision.decision == "ROUTE"
	decision.route.obligations == [{
		"match": {"locality": "api"},
		"obligations": [{"id": "redact_input", "params": {"detectors": ["email"]}}],
	}]
	allowed(object.union(found(["email"]), {"candidates": [pool]}), detectors("redact", true))
}

test_answers_are_redacted if {
	decision := decide({}, {"data_loss": {"output": ["email"]}})
	decision.obligations == [{"id": "redact_output", "params": {"detectors": ["email"]}}]
}

dangerous(risk, acr_values) := {"high_risk": {"actions": {"key:write": risk}, "acr_values": acr_values}}

two := {"approvers": 2, "role": "admin", "edit": false}

rotate := manage("key:write", {"roles": ["admin"], "kind": "user", "acr": null})

test_a_high_risk_action_waits_for_approval if {
	decision := decide(rotate, dangerous({"approval": two, "step_up": false}, null))
	decision == {"decision": "REQUIRE_HITL", "reasons": ["high_risk"], "approval": two}
	allowed(manage("key:read", {"roles": ["admin"]}), dangerous({"approval": two, "step_up": false}, null))
}

test_an_operations_own_entry_counts_before_its_actions if {
	facts := {"high_risk": {"actions": {
		"key:write": {"approval": two, "step_up": false},
		"test": {"approval": null, "step_up": false},
	}}}
	allowed(rotate, facts)
}

test_an_approval_leaves_routing_in_force if {
	facts := object.union(
		{"high_risk": {"actions": {"inference:invoke": {"approval": two, "step_up": false}}}},
		{"providers": {"deny": {"provider": true}}},
	)
	decision := decide({}, facts)
	decision.decision == "REQUIRE_HITL"
	decision.route.allow == [{"candidate": "pool:small-1"}]
}

test_a_step_up_is_asked_for_before_an_approval_and_only_once if {
	facts := dangerous({"approval": two, "step_up": true}, ["phr", "phrh"])
	first := decide(rotate, facts)
	first == {"decision": "REQUIRE_STEP_UP", "reasons": ["step_up"], "acr": {"values": ["phr", "phrh"]}}
	decide(object.union(rotate, {"actor": {"acr": "phr"}}), facts).decision == "REQUIRE_HITL"
}

test_a_step_up_that_nobody_can_do_is_a_denial if {
	denied(rotate, dangerous({"approval": null, "step_up": true}, null), ["step_up_unavailable"])
}

test_people_step_up_for_what_cannot_be_undone if {
	facts := {"high_risk": {"acr_values": ["phr"]}}
	final := object.union(rotate, {"effect": "irreversible-write"})
	decide(final, facts).decision == "REQUIRE_STEP_UP"
	allowed(object.union(final, {"actor": {"acr": "phr"}}), facts)
	allowed(object.union(final, {"actor": {"kind": "service"}}), facts)
	allowed(rotate, facts)
	allowed(final, {})
}

# --- granting authority

granting(roles, members) := object.union(manage("key:write", members), {"operation": "keys.create", "grants": roles})

audited := [{"id": "audit_level", "params": {"level": "full"}}]

test_a_key_with_authority_is_made_under_full_audit if {
	every role in ["admin", "approver", "operator"] {
		decision := decide(granting(["developer", role], {"roles": ["admin"]}), {})
		decision.decision == "ALLOW"
		decision.obligations == audited
	}
	allowed(granting(["developer", "auditor"], {"roles": ["admin"]}), {})
	allowed(granting([], {"roles": ["admin"]}), {})
}

test_granting_authority_needs_a_step_up_of_everybody_where_there_is_one if {
	facts := {"high_risk": {"acr_values": ["phr"]}}
	decision := decide(granting(["approver"], {"roles": ["admin"]}), facts)
	decision.decision == "REQUIRE_STEP_UP"
	decision.acr == {"values": ["phr"]}
	decision.obligations == audited
	decide(granting(["approver"], {"roles": ["admin"], "acr": "phr"}), facts).decision == "ALLOW"
	decide(granting(["developer"], {"roles": ["admin"]}), facts).decision == "ALLOW"
}

test_the_entry_for_granting_counts_before_those_of_operation_and_action if {
	facts := {"high_risk": {
		"acr_values": ["phr"],
		"actions": {
			"key:grant": {"approval": two, "step_up": false},
			"keys.create": {"approval": null, "step_up": true},
		},
	}}
	decision := decide(granting(["approver"], {"roles": ["admin"]}), facts)
	decision.decision == "REQUIRE_HITL"
	decision.approval == two
	decide(granting(["developer"], {"roles": ["admin"]}), facts).decision == "REQUIRE_STEP_UP"
}
