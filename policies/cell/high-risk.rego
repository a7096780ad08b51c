# High-risk actions: an approval by somebody else, or a stronger authentication, before they happen. Where the operators
# named authentication contexts, people need one of them for whatever cannot be undone.
package bailiwick

# The entry of the operation counts before that of its action.
risk := rule if rule := facts.high_risk.actions[input.operation]

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

denials contains "step_up_unavailable" if {
	facts.high_risk.acr_values == null
	risk.step_up
}
