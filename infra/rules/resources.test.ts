import { describe, expect, it } from "vitest";
import { plannedResources } from "./resources.ts";

describe("a committed plan", () => {
  /** A plan and what applying it gave, under ids and in an order that differ from run to run. */
  const run = (subnets: readonly [string, string], key: string) => {
    const network = (name: string) => `module.network.aws_subnet.private["${name}"]`;
    const resource = (address: string, type: string, values: object) => ({
      address,
      mode: "managed",
      type,
      name: "x",
      values,
    });
    const policy = JSON.stringify({
      Statement: [{ Resource: [`arn:aws:kms:eu-central-1:1:key/${key}`, subnets[0]].sort() }],
    });
    const plan = {
      planned_values: {
        root_module: {
          resources: [resource("aws_kms_key.this", "aws_kms_key", { enable_key_rotation: true })],
          child_modules: [
            {
              resources: [
                ...["a", "b"].map((name) => resource(network(name), "aws_subnet", { map_public_ip_on_launch: false })),
                resource("module.network.aws_vpc_endpoint.this", "aws_vpc_endpoint", {}),
              ],
            },
          ],
        },
      },
      configuration: {
        root_module: {
          resources: [{ type: "aws_kms_key", name: "this", expressions: { enable_key_rotation: {} } }],
          module_calls: {
            network: {
              module: {
                resources: [
                  { type: "aws_subnet", name: "private", expressions: { map_public_ip_on_launch: {} } },
                  { type: "aws_vpc_endpoint", name: "this", expressions: { subnet_ids: {}, policy: {} } },
                ],
              },
            },
          },
        },
      },
    };
    const applied = {
      values: {
        root_module: {
          resources: [resource("aws_kms_key.this", "aws_kms_key", { id: key })],
          child_modules: [
            {
              resources: [
                ...["a", "b"].map((name, at) =>
                  resource(network(name), "aws_subnet", { id: subnets[at], arn: "computed" }),
                ),
                resource("module.network.aws_vpc_endpoint.this", "aws_vpc_endpoint", {
                  ...{ id: "vpce-0123456789", subnet_ids: [...subnets].sort(), policy },
                }),
              ],
            },
          ],
        },
      },
    };
    return plannedResources(plan, applied);
  };
  const first = run(["subnet-00000001", "subnet-00000002"], "11111111-1111-4111-8111-111111111111");

  it("is the same from run to run, so that a change in it is a change of the modules", () => {
    expect(run(["subnet-0000000f", "subnet-0000000a"], "ffffffff-1111-4111-8111-111111111111")).toEqual(first);
  });

  it("has what the plan said and what only applying could tell, and nothing that a provider computed", () => {
    expect(first.map(({ address }) => address)).toEqual([
      "aws_kms_key.this",
      'module.network.aws_subnet.private["a"]',
      'module.network.aws_subnet.private["b"]',
      "module.network.aws_vpc_endpoint.this",
    ]);
    expect(first[1]?.values).toEqual({ map_public_ip_on_launch: false });
    expect(first[3]?.values.subnet_ids).toEqual(["aws_subnet.private.a", "aws_subnet.private.b"]);
    expect(first[3]?.values.policy).toContain("arn:aws:kms:eu-central-1:1:key/aws_kms_key.this");
  });
});
