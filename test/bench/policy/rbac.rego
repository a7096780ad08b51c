# Role-based decision as an operation asks for it: measured by test/bench/policy.ts from the plan beside this file.
package rbac

default decision := {"decision": "DENY", "reasons": ["no-grant"]}

decision := {"decision": "ALLOW", "reasons": grants} if {
	not frozen
	count(grants) > 0
}

frozen if data.tenants[input.actor.tenant].frozen

grants contains sprintf("role:%s", [role]) if {
	some role in input.actor.roles
	some grant in data.roles[role]
	grant.action == input.action
	within(grant, input.resource)
}

within(grant, _) if not grant.workspaces

within(grant, resource) if resource.workspace in grant.workspaces
