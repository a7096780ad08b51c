# Attributes of the call against attributes of candidates: an intent's tiers and routes, purposes, and the operators'
# restrictions by action, kind of actor, workspace, project, environment, intent, purpose and classification.
package bailiwick

fits_intent(candidate) if input.intent == null

else if {
	intent.tiers[candidate.tier]
	route_open(candidate)
}

# `hybrid` opens both: our own pool first, a provider behind it.
route_open(candidate) if intent.routes.hybrid

else if intent.routes[candidate.locality]

objections contains "tier_not_allowed" if {
	input.intent != null
	some candidate in input.candidates
	not intent.tiers[candidate.tier]
}

objections contains "route_not_allowed" if {
	input.intent != null
	some candidate in input.candidates
	not route_open(candidate)
}

# Purposes are a matter of calls that reach an engine. Where they are listed, a call without one has none of them.
denials contains "purpose_not_allowed" if {
	reaches_engine
	not listed(facts.tenant.purposes, input.purpose)
}

denials contains "purpose_not_allowed" if {
	reaches_engine
	intent
	not listed(intent.purposes, input.purpose)
}

# No list lists everything.
listed(names, name) if names == null

else if names[name]

# A restriction is about the calls that are in every set of its `when`.
applicable := [restriction |
	some restriction in facts.restrictions
	every attribute, values in restriction.when {
		values[call[attribute]]
	}
]

# What restrictions ask about; undefined where a call lacks any of it, which `complete` denies.
call := {
	"action": input.action,
	"actor_kind": input.actor.kind,
	"workspace": input.scopes.workspace,
	"project": input.scopes.project,
	"environment": input.scopes.environment,
	"intent": input.intent,
	"purpose": input.purpose,
	"classification": input.classification,
}

denials contains concat(":", ["restricted", restriction.id]) if {
	some restriction in applicable
	restriction.deny
}

# It keeps them to the candidates that are in every set of its `only`.
permits(restriction, candidate) if {
	offered := {
		"candidate": candidate.id,
		"alias": candidate.alias,
		"model": candidate.model,
		"provider": candidate.provider,
		"tier": format_int(candidate.tier, 10),
		"locality": candidate.locality,
		"jurisdiction": candidate.jurisdiction,
	}
	every attribute, values in restriction.only {
		values[offered[attribute]]
	}
}

objections contains concat(":", ["restricted", restriction.id]) if {
	some restriction in applicable
	some candidate in input.candidates
	not permits(restriction, candidate)
}
