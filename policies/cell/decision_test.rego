package bailiwick.test

test_the_usual_call_is_allowed_and_nothing_goes_with_it if allowed({}, {})

test_a_call_that_no_engine_computes_is_allowed if {
	allowed({"candidates": [], "action": "model:read", "effect": "read"}, {})
}

test_no_input_is_denied if {
	data.bailiwick.decision.decision == "DENY" with data.facts as plain
}

test_an_empty_input_is_denied if {
	data.bailiwick.decision.decision == "DENY" with input as {} with data.facts as plain
}

# Of the members of an input, only these may be missing without a denial: nothing here decides by them.
unread := {"point", "resource"}

test_an_input_without_any_of_its_members_is_denied if {
	every member, _ in chat {
		incomplete(member)
	}
}

incomplete(member) if member in unread

else if {
	data.bailiwick.decision.decision == "DENY" with input as object.remove(chat, [member]) with data.facts as plain
}

test_an_input_without_any_of_its_scopes_is_denied if {
	every scope, _ in scopes {
		data.bailiwick.decision.decision == "DENY" with input as object.union(
			object.remove(chat, ["scopes"]),
			{"scopes": object.remove(scopes, [scope])},
		)
			with data.facts as plain
	}
}

test_no_facts_are_a_denial if {
	decision := data.bailiwick.decision with input as chat with data.facts as {}
	decision == {"decision": "DENY", "reasons": ["default_deny"]}
}

test_facts_without_any_of_their_members_are_a_denial if {
	every member, _ in object.remove(plain, ["snapshot"]) {
		lacking(member)
	}
}

lacking(member) if {
	data.bailiwick.decision.decision == "DENY" with input as chat with data.facts as object.remove(plain, [member])
}

test_another_tenants_facts_are_a_denial if denied({}, {"tenant": {"id": "b"}}, ["default_deny"])

test_a_later_contract_is_not_decided if denied({"schema_version": 2}, {}, ["default_deny"])

test_an_intent_that_is_not_configured_is_denied if denied({"intent": "other"}, {}, ["intent_unknown"])

test_denials_come_with_all_their_reasons if {
	denied(
		{"intent": "other", "markings": ["M"]},
		{"tenant": {"purposes": {"support": true}, "markings": {}}},
		["intent_unknown", "marking_not_cleared", "purpose_not_allowed"],
	)
}

test_a_call_whose_every_candidate_is_refused_is_denied_with_the_reasons if {
	denied(
		{"privacy": "local-only", "candidates": [provider]},
		{"providers": {"deny": {"provider": true}}},
		["privacy_local_only", "provider_denied"],
	)
}
