package bailiwick.test

# Role × action. What a row does not name is denied to that role.
rows := {
	"admin": {
		"inference:invoke", "model:read", "task:read", "session:read", "session:write", "tenant:read", "tenant:update",
		"workspace:read", "workspace:write", "project:read", "project:write", "environment:read", "environment:write",
		"key:read", "key:write", "budget:read", "budget:write", "usage:read", "credential:read", "credential:write",
		"ledger:read", "config:read", "policy:read", "policy:write", "policy:activate", "approval:read",
		"approval:decide", "evidence:read", "evidence:salts", "data:read", "data:erase",
		"file:read", "file:write", "batch:read", "batch:write",
	},
	"operator": {
		"tenant:read", "workspace:read", "project:read", "environment:read", "model:read", "task:read", "usage:read",
		"config:read", "policy:read", "credential:read", "key:read", "key:write", "budget:read", "budget:write",
		"approval:read",
	},
	"auditor": {
		"tenant:read", "workspace:read", "project:read", "environment:read", "model:read", "task:read", "usage:read",
		"config:read", "policy:read", "ledger:read", "key:read", "budget:read", "credential:read",
		"approval:read", "evidence:read", "data:read",
	},
	"developer": {
		"tenant:read", "workspace:read", "project:read", "environment:read", "inference:invoke", "model:read",
		"task:read", "session:read", "session:write", "usage:read", "budget:read", "approval:read",
		"evidence:read", "evidence:salts", "file:read", "file:write", "batch:read", "batch:write",
	},
	"approver": {
		"tenant:read", "workspace:read", "project:read", "environment:read", "model:read", "task:read", "budget:read",
		"usage:read", "approval:read", "approval:decide",
	},
}

cell_actions := {
	"tenant:create", "tenant:list", "tenant:suspend", "tenant:delete", "cell:read", "cell:write", "cell:health",
	"cell:audit",
}

test_each_role_may_do_what_its_row_names if {
	every role, actions in rows {
		every action in actions {
			allowed(manage(action, {"roles": [role]}), {})
		}
	}
}

test_no_role_may_do_what_its_row_does_not_name if {
	every role, actions in rows {
		every action in rows.admin - actions {
			denied(manage(action, {"roles": [role]}), {}, ["role"])
		}
	}
}

test_every_listed_action_is_in_a_row if {
	{action | some action, _ in data.rbac.tenant_actions} == rows.admin
	{action | some action, _ in data.rbac.cell_actions} == cell_actions
}

test_roles_add_up if {
	every action in {"ledger:read", "inference:invoke"} {
		allowed(manage(action, {"roles": ["developer", "auditor"]}), {})
	}
}

test_nobody_without_a_role_may_do_anything if {
	every action in rows.admin {
		denied(manage(action, {"roles": []}), {}, ["role"])
	}
}

test_the_cells_actions_are_for_its_operators_whatever_roles_a_tenant_gives if {
	every action in cell_actions {
		denied(
			manage(action, {"roles": ["admin", "operator", "auditor", "developer", "approver"]}),
			{},
			["cell_operator_only"],
		)
		allowed(manage(action, {"roles": [], "cell_operator": true}), {})
	}
}

test_operators_of_the_cell_are_nobody_inside_a_tenant if {
	denied(manage("inference:invoke", {"roles": [], "cell_operator": true}), {}, ["role"])
}

test_an_action_that_nobody_listed_is_denied_to_everybody if {
	denied(manage("new:thing", {"roles": ["admin"], "cell_operator": true}), {}, ["unknown_action"])
}

test_another_tenants_resources_are_out_of_reach if {
	members := object.union(manage("model:read", {"roles": ["admin"], "cell_operator": true}), {"scopes": {"tenant": "b"}})
	denied(members, {}, ["foreign_tenant"])
}

test_a_scope_narrows_what_roles_allow if {
	every granted in [["inference:invoke"], ["inference:*"], ["model:read", "*"]] {
		allowed({"actor": {"granted": granted}}, {})
	}
	every granted in [[], ["inference:read"], ["model:*"], ["inference"], ["inference:invokes"], [":*"]] {
		denied({"actor": {"granted": granted}}, {}, ["insufficient_scope"])
	}
}

test_a_scope_never_widens_what_roles_allow if {
	denied(manage("ledger:read", {"roles": ["developer"], "granted": ["ledger:read", "*"]}), {}, ["role"])
	denied(manage("tenant:create", {"cell_operator": true, "granted": ["model:read"]}), {}, ["insufficient_scope"])
}
