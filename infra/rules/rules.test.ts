import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../local/command.mjs";
import { CELLS, infrastructureOf, type RulesInput, violationsOf } from "./check.ts";

const good = infrastructureOf("eu1").input;

/** The plan of eu1 with one thing changed: the first resource of the type (and of the address) gets other values. */
function planted(type: string, change: (values: Record<string, unknown>) => unknown, address = ""): RulesInput {
  const input = structuredClone(good);
  const at = input.resources.findIndex((each) => each.type === type && each.address.includes(address));
  const found = input.resources[at];
  if (!found) throw new Error(`no ${type} ${address}`);
  const values = change(found.values);
  if (values === null) input.resources.splice(at, 1);
  else if (typeof values === "object") found.values = { ...found.values, ...values };
  return input;
}

const allow = (more: object) => JSON.stringify({ Statement: [{ Effect: "Allow", Sid: "Planted", ...more }] });
const gone = () => null;
const ANY = { Action: "s3:GetObject", Resource: "*" };

/** What each rule is there for: the harm, the rule, and a plan that does it. */
const PLANTED: [harm: string, rule: string, plan: () => RulesInput][] = [
  ["a bucket anybody may be allowed to read", "public", () => planted("aws_s3_bucket_public_access_block", gone)],
  [
    "a block of three kinds of four",
    "public",
    () => planted("aws_s3_bucket_public_access_block", () => ({ ignore_public_acls: false })),
  ],
  [
    "a control plane on the internet",
    "public",
    () => planted("aws_eks_cluster", () => ({ vpc_config: [{ endpoint_public_access: true }] })),
  ],
  [
    "a control plane whose exposure is left to the default",
    "public",
    () => planted("aws_eks_cluster", () => ({ vpc_config: [{}] })),
  ],
  ["an open port", "public", () => planted("aws_vpc_security_group_ingress_rule", () => ({ cidr_ipv4: "0.0.0.0/0" }))],
  [
    "an open port over IPv6",
    "public",
    () => planted("aws_vpc_security_group_ingress_rule", () => ({ cidr_ipv6: "::/0" })),
  ],
  [
    "rules hidden inside of a group",
    "public",
    () => planted("aws_security_group", () => ({ ingress: [{ cidr_blocks: ["0.0.0.0/0"] }] })),
  ],
  ["machines with public addresses", "public", () => planted("aws_subnet", () => ({ map_public_ip_on_launch: true }))],
  [
    "a queue that everybody may send to",
    "public",
    () =>
      planted("aws_sqs_queue_policy", () => ({
        policy: allow({ Principal: "*", Action: "sqs:SendMessage", Resource: "*" }),
      })),
  ],
  [
    "a bucket that everybody may read",
    "public",
    () => planted("aws_s3_bucket_policy", () => ({ policy: allow({ Principal: { AWS: ["*"] }, ...ANY }) })),
  ],
  [
    "a key of another account",
    "public",
    () =>
      planted("aws_kms_key", () => ({
        policy: allow({ Principal: { AWS: "arn:aws:iam::999999999999:root" }, Action: "kms:*", Resource: "*" }),
      })),
  ],
  [
    "a queue under no key of ours",
    "encryption",
    () => planted("aws_sqs_queue", () => ({ kms_master_key_id: "alias/aws/sqs" })),
  ],
  ["logs under no key", "encryption", () => planted("aws_cloudwatch_log_group", () => ({ kms_key_id: "" }))],
  ["alarms under no key", "encryption", () => planted("aws_sns_topic", () => ({ kms_master_key_id: "alias/aws/sns" }))],
  [
    "a bucket under the provider's key",
    "encryption",
    () =>
      planted("aws_s3_bucket_server_side_encryption_configuration", () => ({
        rule: [{ apply_server_side_encryption_by_default: [{ sse_algorithm: "AES256" }] }],
      })),
  ],
  ["a key that never changes", "encryption", () => planted("aws_kms_key", () => ({ enable_key_rotation: false }))],
  [
    "secrets of the cluster in clear",
    "encryption",
    () => planted("aws_eks_cluster", () => ({ encryption_config: [] })),
  ],
  [
    "a disk in clear",
    "encryption",
    () => planted("aws_launch_template", () => ({ block_device_mappings: [{ ebs: [{ encrypted: "false" }] }] })),
  ],
  [
    "a disk of which nothing is said",
    "encryption",
    () => planted("aws_launch_template", () => ({ block_device_mappings: [{ ebs: [{}] }] })),
  ],
  [
    "a node's credentials for its containers",
    "encryption",
    () =>
      planted("aws_launch_template", () => ({
        metadata_options: [{ http_tokens: "optional", http_put_response_hop_limit: 2 }],
      })),
  ],
  ["a limiter that speaks in clear", "encryption", () => planted("upstash_redis_database", () => ({ tls: false }))],
  ["old TLS at the edge", "encryption", () => planted("cloudflare_zone_setting", () => ({ value: "1.0" }), "tls_min")],
  ["a bucket that takes calls in clear", "transport", () => planted("aws_s3_bucket_policy", gone)],
  ["a queue that takes calls in clear", "transport", () => planted("aws_sqs_queue_policy", gone)],
  [
    "a bucket that forgets",
    "lock",
    () => planted("aws_s3_bucket_versioning", () => ({ versioning_configuration: [{ status: "Suspended" }] })),
  ],
  [
    "a ledger that can be rewritten",
    "lock",
    () => planted("aws_s3_bucket", () => ({ object_lock_enabled: false }), "objects"),
  ],
  [
    "a ledger that goes with its bucket",
    "lock",
    () => planted("aws_s3_bucket", () => ({ force_destroy: true }), "objects"),
  ],
  ["uploads that nobody finishes or removes", "lock", () => planted("aws_s3_bucket_lifecycle_configuration", gone)],
  ["a ledger at the edge without a lock", "lock", () => planted("cloudflare_r2_bucket_lock", gone)],
  [
    "a ledger at the edge locked for a day",
    "lock",
    () =>
      planted("cloudflare_r2_bucket_lock", () => ({
        rules: [{ enabled: true, prefix: "ledger/", condition: { max_age_seconds: 86_400 } }],
      })),
  ],
  [
    "jobs that are lost after five receives",
    "dead-letters",
    () =>
      planted(
        "aws_sqs_queue",
        ({ redrive_policy }) => ({
          redrive_policy: JSON.stringify({ ...JSON.parse(String(redrive_policy)), maxReceiveCount: 5 }),
        }),
        ".live[",
      ),
  ],
  [
    "dead letters that expire with the job",
    "dead-letters",
    () => planted("aws_sqs_queue", () => ({ message_retention_seconds: 345_600 }), ".dead["),
  ],
  [
    "jobs of one class among another's dead",
    "dead-letters",
    () =>
      planted(
        "aws_sqs_queue",
        ({ redrive_policy }) => ({
          redrive_policy: String(redrive_policy).replace(/(interactive|batch)-dead/, "other-dead"),
        }),
        ".live[",
      ),
  ],
  [
    "dead letters that nobody hears of",
    "dead-letters",
    () => planted("aws_cloudwatch_metric_alarm", () => ({ alarm_actions: [] }), ".dead["),
  ],
  [
    "an edge that may do anything to a bucket",
    "wildcard",
    () => planted("aws_iam_policy", () => ({ policy: allow({ Action: "s3:*", Resource: "arn:aws:s3:::bucket/*" }) })),
  ],
  [
    "a worker with every queue of the account",
    "wildcard",
    () =>
      planted(
        "aws_iam_role_policy",
        () => ({
          policy: allow({ Action: ["sqs:ReceiveMessage"], Resource: ["arn:aws:sqs:eu-central-1:123456789012:*"] }),
        }),
        ".worker[",
      ),
  ],
  [
    "a policy of everything but",
    "wildcard",
    () =>
      planted("aws_iam_policy", () => ({ policy: allow({ NotAction: "iam:*", Resource: "arn:aws:s3:::bucket/*" }) })),
  ],
  [
    "a worker that reads the cell's objects",
    "wildcard",
    () =>
      planted(
        "aws_iam_role_policy",
        () => ({ policy: allow({ Action: "s3:GetObject", Resource: "arn:aws:s3:::bw-eu1-objects-example/*" }) }),
        ".worker[",
      ),
  ],
  [
    "a role that everybody may take",
    "wildcard",
    () => planted("aws_iam_role", () => ({ assume_role_policy: allow({ Principal: "*", Action: "sts:AssumeRole" }) })),
  ],
  [
    "an administrator",
    "wildcard",
    () =>
      planted("aws_iam_user_policy_attachment", () => ({ policy_arn: "arn:aws:iam::aws:policy/AdministratorAccess" })),
  ],
  [
    "a queue in another region",
    "region",
    () => planted("aws_sqs_queue", () => ({ kms_master_key_id: "arn:aws:kms:us-east-1:123456789012:key/key-0" })),
  ],
  ["a database across the ocean", "region", () => planted("neon_project", () => ({ region_id: "aws-us-east-1" }))],
  [
    "a database wherever the vendor likes",
    "region",
    () => planted("neon_project", () => ({ region_id: "azure-somewhere" })),
  ],
  [
    "counters replicated across the ocean",
    "region",
    () => planted("upstash_redis_database", () => ({ read_regions: ["us-east-1"] })),
  ],
  ["a subnet across the ocean", "region", () => planted("aws_subnet", () => ({ availability_zone: "us-east-1a" }))],
  ["a key with copies elsewhere", "region", () => planted("aws_kms_key", () => ({ multi_region: true }))],
  [
    "an archive without jurisdiction",
    "region",
    () => planted("cloudflare_r2_bucket", () => ({ jurisdiction: "default" })),
  ],
  ["TLS that ends anywhere", "region", () => planted("cloudflare_regional_hostname", gone)],
  [
    "TLS that ends in another jurisdiction",
    "region",
    () => planted("cloudflare_regional_hostname", () => ({ region_key: "us" })),
  ],
];

describe("the rules of infrastructure", () => {
  it.each(CELLS)("find nothing in %s, and its committed plan is of the modules that are here", (cell) => {
    const { input, current } = infrastructureOf(cell);
    expect(violationsOf(input)).toEqual([]);
    expect(current, "run test/contract/infrastructure.test.ts with UPDATE_RESOURCES=1").toBe(true);
    expect(input.resources.length).toBeGreaterThan(90);
  });

  it.each(PLANTED)("refuse %s (%s)", (_harm, rule, plan) => {
    expect(violationsOf(plan()).map((each) => each.rule)).toContain(rule);
  });

  it("refuse a kind of resource that nobody has thought about, so that nothing ships unlooked at", () => {
    const input = {
      ...good,
      resources: [...good.resources, { address: "aws_db_instance.new", type: "aws_db_instance", values: {} }],
    };
    expect(violationsOf(input)).toEqual([
      { rule: "unknown-type", address: "aws_db_instance.new", detail: "aws_db_instance" },
    ]);
  });

  it("refuse everything of a cell whose jurisdiction they do not know", () => {
    const input = { ...good, cell: { ...good.cell, jurisdiction: "moon" } };
    expect(new Set(violationsOf(input).map(({ rule }) => rule))).toContain("region");
  });

  it("refuse the other cell's plan, so that no cell is built from a copy of another's", () => {
    const us = infrastructureOf("us1").input;
    expect(violationsOf({ ...us, cell: good.cell }).map(({ rule }) => rule)).toContain("region");
  });

  it("have a planted violation each, so that no rule is there for show", () => {
    const text = readFileSync(join(ROOT, "infra/rules/infrastructure.rego"), "utf8");
    const rules = new Set([...text.matchAll(/found\("([a-z-]+)"/g)].map(([, rule]) => rule));
    expect([...rules].sort()).toEqual([...new Set([...PLANTED.map(([, rule]) => rule), "unknown-type"])].sort());
    expect(PLANTED.length).toBeGreaterThanOrEqual([...text.matchAll(/^violations contains/gm)].length);
  });
});
