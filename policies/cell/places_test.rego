# Residency, privacy, providers and markings: where a call may be computed.
package bailiwick.test

abroad := object.union(provider, {"jurisdiction": "us"})

test_a_provider_in_another_jurisdiction_is_routed_around if {
	routed({"candidates": [pool, abroad]}, {}, ["pool:small-1"], ["residency"])
}

test_a_provider_in_an_accepted_jurisdiction_is_used if {
	allowed({"candidates": [pool, abroad]}, {"residency": {"jurisdictions_allow": {"us": true}}})
}

test_a_pool_in_another_jurisdiction_is_never_used if {
	facts := {"residency": {"jurisdictions_allow": {"us": true}}}
	denied({"candidates": [object.union(pool, {"jurisdiction": "us"})]}, facts, ["residency"])
}

test_a_cell_on_one_machine_says_nothing_about_where_providers_lie if {
	here := object.union(pool, {"jurisdiction": "local"})
	allowed({"cell": {"jurisdiction": "local"}, "candidates": [here, abroad]}, {})
}

test_a_local_only_call_never_leaves_the_pools if {
	routed({"privacy": "local-only"}, {}, ["pool:small-1"], ["privacy_local_only"])
	denied({"privacy": "local-only", "candidates": [provider]}, {}, ["privacy_local_only"])
}

test_a_privacy_mode_that_nobody_knows_is_the_strictest if {
	routed({"privacy": "open"}, {}, ["pool:small-1"], ["privacy_local_only"])
}

test_a_local_only_intent_never_leaves_the_pools_whatever_the_caller_may if {
	facts := {"intents": {"answer": {"privacy": "local-only"}}}
	routed({"intent": "answer"}, facts, ["pool:small-1"], ["privacy_local_only"])
	listed := {"privacy": {"local_only_intents": {"answer": true}}}
	routed({"intent": "answer"}, listed, ["pool:small-1"], ["privacy_local_only"])
}

test_a_listed_classification_never_leaves_the_pools if {
	facts := {"privacy": {"local_only_classifications": {"restricted": true}}}
	routed({"classification": "restricted"}, facts, ["pool:small-1"], ["privacy_local_only"])
	allowed({"classification": "internal"}, facts)
}

test_a_hybrid_call_leaves_redacted_only if {
	redacted := [{"match": {"locality": "api"}, "obligations": [{"id": "redact_input"}]}]
	caller := decide({"privacy": "hybrid"}, {})
	caller.decision == "ROUTE"
	caller.route.obligations == redacted
	intent := decide({"intent": "answer"}, {"intents": {"answer": {"privacy": "hybrid"}}})
	intent.route.obligations == redacted

	# object.union merges, so the route of the fixture's intent has to be taken out by hand.
	routes := object.union(plain.intents.answer, {"routes": {"local": true, "hybrid": true}})
	facts := {"intents": {"answer": object.union(object.remove(routes, ["routes"]), {"routes": {"hybrid": true}})}}
	behind := data.bailiwick.decision with input as object.union(chat, {"intent": "answer"})
		with data.facts as object.union(object.remove(plain, ["intents"]), facts)
	behind.route.obligations == redacted
}

test_a_hybrid_call_that_stays_on_the_pools_needs_no_redaction if {
	allowed({"privacy": "hybrid", "candidates": [pool]}, {})
}

test_a_denied_provider_is_routed_around if {
	routed({}, {"providers": {"deny": {"provider": true}}}, ["pool:small-1"], ["provider_denied"])
}

test_a_provider_that_is_on_no_list_is_routed_around if {
	other := object.union(provider, {"provider": "other", "id": "other:large-1"})
	reasons := ["provider_not_allowed", "provider_not_allowed_for_tenant"]
	routed({"candidates": [pool, other]}, {}, ["pool:small-1"], reasons)
}

test_the_cells_list_does_not_replace_the_tenants if {
	other := object.union(provider, {"provider": "other", "id": "other:large-1"})
	facts := {"providers": {"allow": {"other": true}}}
	routed({"candidates": [pool, other]}, facts, ["pool:small-1"], ["provider_not_allowed_for_tenant"])
}

test_a_marking_goes_where_it_is_released_to if {
	only_us := {"markings": {"REL-US": {"local_only": false, "jurisdictions": {"us": true}, "providers": null}}}
	denied({"markings": ["REL-US"]}, only_us, ["marking_not_released"])
	only_provider := {"markings": {"M": {"local_only": false, "jurisdictions": null, "providers": {"provider": true}}}}
	routed({"markings": ["M"]}, only_provider, ["provider:large-1"], ["marking_not_released"])
	here := {"markings": {"M": {"local_only": true, "jurisdictions": null, "providers": null}}}
	routed({"markings": ["M"]}, here, ["pool:small-1"], ["marking_not_released"])
}

test_every_marking_counts if {
	facts := {"markings": {
		"A": {"local_only": false, "jurisdictions": null, "providers": null},
		"B": {"local_only": true, "jurisdictions": null, "providers": null},
	}}
	allowed({"markings": ["A"]}, facts)
	routed({"markings": ["A", "B"]}, facts, ["pool:small-1"], ["marking_not_released"])
}

test_a_marking_that_nobody_described_stays_on_the_pools if {
	routed({"markings": ["NEW"]}, {}, ["pool:small-1"], ["marking_not_released"])
}

test_a_tenant_handles_only_the_markings_it_is_cleared_for if {
	facts := {
		"markings": {"A": {"local_only": false, "jurisdictions": null, "providers": null}},
		"tenant": {"markings": {"A": true}},
	}
	allowed({"markings": ["A"]}, facts)
	denied({"markings": ["A", "B"]}, facts, ["marking_not_cleared"])
}
