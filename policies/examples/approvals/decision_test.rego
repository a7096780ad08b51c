package bailiwick.test

call(members) := object.union({"action": "inference:invoke", "candidates": []}, members)

of_model(alias) := call({"candidates": [{"alias": alias}]})

decide(given) := decision if decision := data.bailiwick.decision with input as given

test_what_no_table_names_is_left_to_the_cell if {
	decide(of_model("small")) == {"decision": "ALLOW", "reasons": ["example_no_demand"]}
	decide(call({"action": "model:read"})).decision == "ALLOW"
}

test_a_key_needs_one_approver if {
	decide(call({"action": "key:write"})) == {
		"decision": "REQUIRE_HITL",
		"reasons": ["example_action"],
		"approval": {"approvers": 1, "role": "approver", "edit": false},
	}
}

test_the_dearest_model_needs_two_people if {
	decide(of_model("frontier")).approval == {"approvers": 2, "role": "approver", "edit": false}
}

test_a_draft_may_be_changed_by_its_approver if {
	decide(of_model("draft")).approval == {"approvers": 1, "role": "approver", "edit": true}
}

test_several_demands_are_the_strictest_of_each if {
	both := decide(call({"candidates": [{"alias": "frontier"}, {"alias": "draft"}]}))
	both.approval == {"approvers": 2, "role": "approver", "edit": false}
	both.reasons == ["example_model"]
}

test_different_roles_are_for_the_administrator if {
	demand := decide(call({"action": "key:write", "candidates": [{"alias": "draft"}]})) with data.approvals.models.draft.role as "operator"
	demand.approval.role == "admin"
}
