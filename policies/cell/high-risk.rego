# High-risk actions: an approval by somebody else, or a stronger authentication, before they happen. Where the operators
# named authentication contexts, people need one of them for whatever cannot be undone, and everybody for granting authority.
package bailiwick

# Whoever gives somebody these roles could have what they ask for approved, or decide, under another name. It is an action
# of its own, `key:grant`, and leaves an entry of its own whatever else is asked for.
grants_authority if {
	some role in input.grants
	role in {"admin", "approver", "operator"}
}

# What makes a key must say what the key may do.
grants_known if input.grants

else if not input.operation in {"keys.create", "keys.rotate"}

duties contains {"id": "audit_level", "params": {"level": "full"}} if grants_authority

# The entry of what is granted counts before that of the operation, and this one before that of its action.
risk := rule if {
	grants_authority
	rule := facts.high_risk.actions["key:grant"]
}

else := rule if rule := facts.high_risk.actions[input.operation]

else := rule if rule := facts.high_risk.actions[input.action]

approval := risk.approval if risk.approval != null

step_up if {
	step_up_wanted
	not input.actor.acr in facts.high_risk.acr_values
}

step_up_wanted if risk.step_up

else if {
	facts.high_risk.acr_values != null
	input.actor.kind == "user"
	input.effect == "irreversible-write"
}

else if {
	facts.high_risk.acr_values != null
	grants_authority
	not facts.high_risk.actions["key:grant"]
}

denials contains "step_up_unavailable" if {
	facts.high_risk.acr_values == null
	risk.step_up
}
