# METADATA
# title: What no plan of a cell's infrastructure may ask for
# description: >
#   Input is {cell: {id, jurisdiction, account_id}, resources: [{address, type, values}]}, as infra/rules/resources.ts makes
#   it. `violations` is empty for a plan that may be applied. A type of resource that no rule knows is a violation itself.
package bailiwick.infrastructure

import rego.v1

regions := {
	"eu": {"eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"},
	"us": {"us-east-1", "us-east-2", "us-west-1", "us-west-2"},
	"fedramp": {"us-east-1", "us-east-2", "us-west-1", "us-west-2", "us-gov-east-1", "us-gov-west-1"},
	"fedramp-high": {"us-gov-east-1", "us-gov-west-1"},
}

known := {
	"aws_cloudwatch_log_group", "aws_cloudwatch_metric_alarm", "aws_default_security_group", "aws_eip", "aws_eks_addon",
	"aws_eks_cluster", "aws_eks_node_group", "aws_eks_pod_identity_association", "aws_iam_policy", "aws_iam_role",
	"aws_iam_role_policy", "aws_iam_role_policy_attachment", "aws_iam_user", "aws_iam_user_policy_attachment",
	"aws_internet_gateway", "aws_kms_alias", "aws_kms_key", "aws_launch_template", "aws_nat_gateway", "aws_route",
	"aws_route_table", "aws_route_table_association", "aws_s3_bucket", "aws_s3_bucket_lifecycle_configuration",
	"aws_s3_bucket_ownership_controls", "aws_s3_bucket_policy", "aws_s3_bucket_public_access_block",
	"aws_s3_bucket_server_side_encryption_configuration", "aws_s3_bucket_versioning", "aws_security_group", "aws_sns_topic",
	"aws_sqs_queue", "aws_sqs_queue_policy", "aws_sqs_queue_redrive_allow_policy", "aws_subnet", "aws_vpc",
	"aws_vpc_endpoint", "aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule",
	"cloudflare_r2_bucket", "cloudflare_r2_bucket_lock", "cloudflare_regional_hostname",
	"cloudflare_zone_dnssec", "cloudflare_zone_setting", "neon_project", "upstash_redis_database",
}

# Of AWS's own policies only what the cluster cannot do without.
managed := {
	"arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly", "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
	"arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy", "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
}

everywhere := {"0.0.0.0/0", "::/0"}

of(type) := {resource | some resource in input.resources; resource.type == type}

found(rule, resource, detail) := {"rule": rule, "address": resource.address, "detail": detail}

as_set(value) := {value} if is_string(value)

as_set(value) := {each | some each in value} if is_array(value)

statements(resource, member) := {statement |
	some statement in json.unmarshal(resource.values[member]).Statement
}

allowing(resource, member) := {statement | some statement in statements(resource, member); statement.Effect == "Allow"}

violations contains found("unknown-type", resource, resource.type) if {
	some resource in input.resources
	not resource.type in known
}

# --- nothing public ---------------------------------------------------------------------------------------------------------
blocks_public(bucket) if {
	some block in of("aws_s3_bucket_public_access_block")
	block.values.bucket == bucket.values.bucket
	block.values.block_public_acls == true
	block.values.block_public_policy == true
	block.values.ignore_public_acls == true
	block.values.restrict_public_buckets == true
}

violations contains found("public", bucket, "no public access block of all four kinds") if {
	some bucket in of("aws_s3_bucket")
	not blocks_public(bucket)
}

violations contains found("public", cluster, "the control plane answers the internet") if {
	some cluster in of("aws_eks_cluster")
	some network in cluster.values.vpc_config
	object.get(network, "endpoint_public_access", true) != false
}

violations contains found("public", rule, "everybody may connect") if {
	some rule in of("aws_vpc_security_group_ingress_rule")
	some member in ["cidr_ipv4", "cidr_ipv6"]
	rule.values[member] in everywhere
}

violations contains found("public", group, "rules inside of a group are not looked at: use rules of their own") if {
	some group in (of("aws_security_group") | of("aws_default_security_group"))
	some member in ["ingress", "egress"]
	count(object.get(group.values, member, [])) > 0
}

violations contains found("public", subnet, "machines get public addresses") if {
	some subnet in of("aws_subnet")
	object.get(subnet.values, "map_public_ip_on_launch", true) != false
}

violations contains found("public", resource, "a policy allows everybody") if {
	some type in ["aws_s3_bucket_policy", "aws_sqs_queue_policy", "aws_kms_key"]
	some resource in of(type)
	some statement in allowing(resource, "policy")
	"*" in principals(statement)
}

principals(statement) := {"*"} if statement.Principal == "*"

principals(statement) := {name | some of_kind in statement.Principal; some name in as_set(of_kind)} if is_object(statement.Principal)

violations contains found("public", resource, "whoever has the key's policy is outside of the account") if {
	some resource in of("aws_kms_key")
	some statement in allowing(resource, "policy")
	some name in principals(statement)
	startswith(name, "arn:")
	name != sprintf("arn:aws:iam::%s:root", [input.cell.account_id])
}

# --- encrypted, in motion and at rest ---------------------------------------------------------------------------------------
key_member := {"aws_sqs_queue": "kms_master_key_id", "aws_sns_topic": "kms_master_key_id", "aws_cloudwatch_log_group": "kms_key_id"}

violations contains found("encryption", resource, "no key of the cell's own") if {
	some type, member in key_member
	some resource in of(type)
	not startswith(object.get(resource.values, member, ""), "arn:aws:kms:")
}

encrypted(bucket) if {
	some configuration in of("aws_s3_bucket_server_side_encryption_configuration")
	configuration.values.bucket == bucket.values.bucket
	some rule in configuration.values.rule
	some scheme in rule.apply_server_side_encryption_by_default
	scheme.sse_algorithm == "aws:kms"
	startswith(scheme.kms_master_key_id, "arn:aws:kms:")
}

violations contains found("encryption", bucket, "not encrypted under a key of the cell's own") if {
	some bucket in of("aws_s3_bucket")
	not encrypted(bucket)
}

violations contains found("encryption", key, "the key is not rotated") if {
	some key in of("aws_kms_key")
	object.get(key.values, "enable_key_rotation", false) != true
}

seals_secrets(cluster) if {
	some configuration in cluster.values.encryption_config
	"secrets" in configuration.resources
}

violations contains found("encryption", cluster, "secrets of the cluster are not encrypted") if {
	some cluster in of("aws_eks_cluster")
	not seals_secrets(cluster)
}

violations contains found("encryption", template, "a disk is not encrypted") if {
	some template in of("aws_launch_template")
	some mapping in template.values.block_device_mappings
	some disk in mapping.ebs
	not object.get(disk, "encrypted", false) in {true, "true"}
}

violations contains found("encryption", template, "credentials of the node without a session") if {
	some template in of("aws_launch_template")
	not requires_session(template)
}

requires_session(template) if {
	some options in template.values.metadata_options
	options.http_tokens == "required"
	options.http_put_response_hop_limit == 1
}

refuses_clear(statement) if {
	statement.Effect == "Deny"
	statement.Condition.Bool["aws:SecureTransport"] in {"false", false}
	"*" in principals(statement)
}

tls_only(type, member, name) if {
	some policy in of(type)
	policy.values[member] == name
	some statement in statements(policy, "policy")
	refuses_clear(statement)
}

violations contains found("transport", bucket, "calls in clear are not refused") if {
	some bucket in of("aws_s3_bucket")
	not tls_only("aws_s3_bucket_policy", "bucket", bucket.values.bucket)
}

violations contains found("transport", queue, "calls in clear are not refused") if {
	some queue in of("aws_sqs_queue")
	not queue_tls_only(queue)
}

queue_tls_only(queue) if {
	some policy in of("aws_sqs_queue_policy")
	endswith(policy.values.queue_url, sprintf("/%s", [queue.values.name]))
	some statement in statements(policy, "policy")
	refuses_clear(statement)
}

# --- kept: versions, locks, terms -------------------------------------------------------------------------------------------
versioned(bucket) if {
	some versioning in of("aws_s3_bucket_versioning")
	versioning.values.bucket == bucket.values.bucket
	versioning.values.versioning_configuration[_].status == "Enabled"
}

violations contains found("lock", bucket, "no versions are kept") if {
	some bucket in of("aws_s3_bucket")
	not versioned(bucket)
}

violations contains found("lock", bucket, "the ledger's bucket has no Object Lock") if {
	some bucket in of("aws_s3_bucket")
	contains(bucket.values.bucket, "-objects-")
	object.get(bucket.values, "object_lock_enabled", false) != true
}

violations contains found("lock", bucket, "it is emptied when it is removed") if {
	some bucket in of("aws_s3_bucket")
	object.get(bucket.values, "force_destroy", false) != false
}

aborts_uploads(bucket) if {
	some configuration in of("aws_s3_bucket_lifecycle_configuration")
	configuration.values.bucket == bucket.values.bucket
	some rule in configuration.values.rule
	rule.status == "Enabled"
	rule.abort_incomplete_multipart_upload[_].days_after_initiation <= 7
}

violations contains found("lock", bucket, "incomplete uploads are kept for more than 7 days") if {
	some bucket in of("aws_s3_bucket")
	not aborts_uploads(bucket)
}

# --- dead letters -----------------------------------------------------------------------------------------------------------
is_dead(queue) if endswith(queue.values.name, "-dead")

receives_min := 50

dead_of(queue) := dead if {
	some dead in of("aws_sqs_queue")
	dead.values.name == sprintf("%s-dead", [queue.values.name])
}

redrives(queue) if {
	redrive := json.unmarshal(queue.values.redrive_policy)
	redrive.maxReceiveCount >= receives_min
	endswith(redrive.deadLetterTargetArn, sprintf(":%s", [dead_of(queue).values.name]))
	dead_of(queue).values.message_retention_seconds > queue.values.message_retention_seconds
}

violations contains found("dead-letters", queue, "no dead letters of its own, after 50 receives or more, kept for longer") if {
	some queue in of("aws_sqs_queue")
	not is_dead(queue)
	not redrives(queue)
}

alarmed(queue) if {
	some alarm in of("aws_cloudwatch_metric_alarm")
	alarm.values.dimensions.QueueName == queue.values.name
	count(alarm.values.alarm_actions) > 0
}

violations contains found("dead-letters", queue, "nobody is told") if {
	some queue in of("aws_sqs_queue")
	not alarmed(queue)
}

# --- least privilege --------------------------------------------------------------------------------------------------------
violations contains found("wildcard", resource, sprintf("%s of %s", [pattern, object.get(statement, "Sid", "a statement")])) if {
	some type in ["aws_iam_policy", "aws_iam_role_policy", "aws_iam_user_policy"]
	some resource in of(type)
	some statement in allowing(resource, "policy")
	some pattern in too_wide(statement)
}

too_wide(statement) := {action | some action in as_set(object.get(statement, "Action", "*")); contains(action, "*")} | {name |
	some name in as_set(object.get(statement, "Resource", "*"))
	wide_resource(name)
}

wide_resource("*")

# The objects of one bucket are the only pattern of resources.
wide_resource(name) if {
	contains(name, "*")
	not regex.match(`^arn:aws[a-z-]*:s3:::[a-z0-9.-]+/\*$`, name)
}

violations contains found("wildcard", resource, "everybody may take the role") if {
	some resource in of("aws_iam_role")
	some statement in allowing(resource, "assume_role_policy")
	"*" in principals(statement)
}

violations contains found("wildcard", resource, resource.values.policy_arn) if {
	some type in ["aws_iam_role_policy_attachment", "aws_iam_user_policy_attachment"]
	some resource in of(type)
	startswith(resource.values.policy_arn, "arn:aws:iam::aws:")
	not resource.values.policy_arn in managed
}

# Workers take jobs and bury them: what the edge does is not theirs.
violations contains found("wildcard", resource, action) if {
	some resource in of("aws_iam_role_policy")
	contains(resource.address, ".worker[")
	some statement in allowing(resource, "policy")
	some action in as_set(statement.Action)
	startswith(action, "s3:")
}

# --- inside the jurisdiction ------------------------------------------------------------------------------------------------
texts(resource) := {value | walk(resource.values, [_, value]); is_string(value)}

region_named(text) := regex.find_all_string_submatch_n(`^arn:aws[a-z-]*:[a-z0-9-]+:([a-z]{2}(?:-[a-z]+)+-\d)(?::|$)`, text, 1)[0][1]

region_named(text) := regex.find_all_string_submatch_n(`^com\.amazonaws\.([a-z]{2}(?:-[a-z]+)+-\d)\.`, text, 1)[0][1]

region_named(text) := regex.find_all_string_submatch_n(`^(?:aws-)?([a-z]{2}(?:-[a-z]+)+-\d)[a-z]?$`, text, 1)[0][1]

allowed_regions := object.get(regions, input.cell.jurisdiction, set())

violations contains found("region", resource, region_named(text)) if {
	some resource in input.resources
	some text in texts(resource)
	not region_named(text) in allowed_regions
}

inside(resource, member) if region_named(resource.values[member]) in allowed_regions

violations contains found("region", resource, "no region of its own is said") if {
	some type, member in {"neon_project": "region_id", "upstash_redis_database": "primary_region"}
	some resource in of(type)
	not inside(resource, member)
}

violations contains found("region", key, "the key is copied to other regions") if {
	some key in of("aws_kms_key")
	object.get(key.values, "multi_region", false) != false
}

# What the platform calls a jurisdiction of its own; a cell of one that it has no word for is bound by region alone.
platform_jurisdiction := {"eu": "eu", "fedramp": "fedramp", "fedramp-high": "fedramp-high"}

violations contains found("region", bucket, "the bucket lies in no jurisdiction") if {
	some bucket in of("cloudflare_r2_bucket")
	wanted := platform_jurisdiction[input.cell.jurisdiction]
	object.get(bucket.values, "jurisdiction", "default") != wanted
}

violations contains found("region", bucket, "TLS of the cell's host ends wherever its caller is") if {
	some bucket in of("cloudflare_r2_bucket")
	count(of("cloudflare_regional_hostname")) == 0
}

violations contains found("region", host, "TLS ends outside of the jurisdiction") if {
	some host in of("cloudflare_regional_hostname")
	host.values.region_key != input.cell.jurisdiction
}

# --- the edge's stores ------------------------------------------------------------------------------------------------------
violations contains found("encryption", resource, "not over TLS") if {
	some resource in of("upstash_redis_database")
	object.get(resource.values, "tls", false) != true
}

violations contains found("encryption", resource, "TLS older than 1.3 is taken") if {
	some resource in of("cloudflare_zone_setting")
	resource.values.setting_id == "min_tls_version"
	resource.values.value != "1.3"
}

locked_r2(bucket) if {
	some lock in of("cloudflare_r2_bucket_lock")
	lock.values.bucket_name == bucket.values.name
	some rule in lock.values.rules
	rule.enabled == true
	rule.prefix == "ledger/"
	rule.condition.max_age_seconds >= 400 * 86400
}

violations contains found("lock", bucket, "the ledger's objects are not locked for 400 days") if {
	some bucket in of("cloudflare_r2_bucket")
	not locked_r2(bucket)
}
