# Who may ask at all: roles and scopes. data.rbac.tenant_actions lists for each action the roles that may do it;
# data.rbac.cell_actions lists what only operators of the cell may do. An action that is in neither is unknown, and denied.
package bailiwick

# Only "role_and_scope" goes on; else the first of these that holds is why not.
access := "role_and_scope" if {
	input.scopes.tenant == input.actor.scopes.tenant
	may_act
	scope_granted
}

else := "foreign_tenant" if not own_tenant

else := "unknown_action" if not known_action

else := "cell_operator_only" if {
	cell_action
	not may_act
}

else := "role" if not may_act

else := "insufficient_scope"

own_tenant if input.scopes.tenant == input.actor.scopes.tenant

known_action if data.rbac.tenant_actions[input.action]

else if cell_action

cell_action if data.rbac.cell_actions[input.action]

may_act if {
	some role in input.actor.roles
	data.rbac.tenant_actions[input.action][role]
}

else if {
	cell_action
	input.actor.cell_operator
}

# A credential narrows what the roles allow and never widens it: `*`, `model:*` or `model:read`.
scope_granted if "*" in input.actor.granted

else if input.action in input.actor.granted

else if {
	namespace := split(input.action, ":")[0]
	concat("", [namespace, ":*"]) in input.actor.granted
}
