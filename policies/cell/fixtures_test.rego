# What the tests of this folder start from: a chat call of a developer's key with our own pool and a provider to choose
# from, in a cell that configured nothing.
package bailiwick.test

scopes := {"tenant": "acme", "workspace": "default", "project": "default", "environment": "default"}

actor := {
	"scopes": scopes,
	"subject": "key:app",
	"kind": "service",
	"roles": ["developer"],
	"granted": ["*"],
	"acr": null,
	"amr": [],
	"credential": "key:k1",
	"kid": null,
	"cell_operator": false,
	"act": [],
}

pool := {
	"id": "pool:small-1",
	"alias": "fast",
	"provider": "pool",
	"model": "small-1",
	"tier": 0,
	"locality": "local",
	"jurisdiction": "eu",
}

provider := {
	"id": "provider:large-1",
	"alias": "fast",
	"provider": "provider",
	"model": "large-1",
	"tier": 2,
	"locality": "api",
	"jurisdiction": "eu",
}

chat := {
	"schema_version": 1,
	"point": "request",
	"actor": actor,
	"action": "inference:invoke",
	"operation": "chat.completions.create",
	"effect": "ambiguous",
	"resource": {"kind": "model", "id": null},
	"scopes": scopes,
	"cell": {"id": "eu1", "jurisdiction": "eu"},
	"privacy": "allow-api",
	"classification": null,
	"purpose": null,
	"markings": [],
	"intent": null,
	"candidates": [pool, provider],
	"features": {"stream": true, "tools": false, "images": false, "hold_nusd": 0, "detected": null},
}

plain := {
	"schema_version": 1,
	"snapshot": "sha256:0",
	"residency": {"jurisdictions_allow": {}},
	"providers": {"deny": {}, "allow": {"pool": true, "provider": true}},
	"privacy": {"local_only_intents": {}, "local_only_classifications": {}},
	"intents": {"answer": {
		"privacy": "allow-api",
		"routes": {"local": true, "api": true},
		"tiers": [true, true, true],
		"purposes": null,
		"limits": {},
	}},
	"markings": {},
	"restrictions": [],
	"data_loss": {"detectors": {}, "output": []},
	"high_risk": {"actions": {}, "acr_values": null},
	"tenant": {
		"id": "acme",
		"providers_allow": {"pool": true, "provider": true},
		"purposes": null,
		"markings": null,
	},
}

# The chat call with these members in place of its own, decided with these facts in place of the plain ones.
decide(members, facts) := decision if {
	decision := data.bailiwick.decision with input as object.union(chat, members)
		with data.facts as object.union(plain, facts)
}

denied(members, facts, reasons) if {
	decision := decide(members, facts)
	decision == {"decision": "DENY", "reasons": reasons}
}

allowed(members, facts) if {
	decision := decide(members, facts)
	decision == {"decision": "ALLOW", "reasons": ["role_and_scope"]}
}

# Routed to these candidates alone, for these reasons.
routed(members, facts, ids, reasons) if {
	decision := decide(members, facts)
	decision.decision == "ROUTE"
	decision.reasons == sort(array.concat(reasons, ["role_and_scope"]))
	decision.route.allow == [{"candidate": id} | some id in ids]
}

# A call that no engine computes, by somebody with these members.
manage(action, members) := object.union(
	{"action": action, "operation": "test", "effect": "reversible-write", "candidates": []},
	{"actor": members},
)
