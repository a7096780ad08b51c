import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { readSettings, VARIABLES } from "../../gpu-workers/settings.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { sqsNames } from "../../shared/job-queue/names.ts";
import { bundleWorker } from "./bundle-worker.mjs";

const POOLS = import.meta.dirname;
const CONTAINERS = join(POOLS, "../../gpu-workers/containers");
const read = (path: string) => readFileSync(path, "utf8");
/** Every document of a file; one that does not parse is an error. */
function documents(path: string): Record<string, unknown>[] {
  return parseAllDocuments(read(path)).map((document) => {
    expect(document.errors).toEqual([]);
    return z.record(z.string(), z.unknown()).parse(document.toJS());
  });
}
const yaml = readdirSync(POOLS, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".yaml"));

const Amounts = z.record(z.string(), z.union([z.string(), z.number()]));
const Container = z.object({
  name: z.string(),
  image: z.string(),
  restartPolicy: z.string().optional(),
  env: z
    .array(z.object({ name: z.string(), value: z.string().optional(), valueFrom: z.unknown().optional() }))
    .default([]),
  ports: z.array(z.unknown()).default([]),
  securityContext: z.strictObject({
    ...{ runAsUser: z.number(), runAsGroup: z.number().optional(), runAsNonRoot: z.boolean() },
    ...{ allowPrivilegeEscalation: z.literal(false), readOnlyRootFilesystem: z.literal(true) },
    capabilities: z.strictObject({ drop: z.tuple([z.literal("ALL")]), add: z.array(z.string()).default([]) }),
  }),
  resources: z.object({ requests: Amounts, limits: Amounts }),
  volumeMounts: z
    .array(z.object({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() }))
    .default([]),
});
/** Strict: a member that is not thought of here, such as `hostNetwork`, is refused. */
const PodSpec = z.strictObject({
  serviceAccountName: z.string(),
  automountServiceAccountToken: z.literal(false),
  enableServiceLinks: z.literal(false),
  terminationGracePeriodSeconds: z.number(),
  securityContext: z.strictObject({
    ...{ runAsNonRoot: z.literal(true), fsGroup: z.number(), fsGroupChangePolicy: z.string() },
    seccompProfile: z.strictObject({ type: z.literal("RuntimeDefault") }),
  }),
  initContainers: z.array(Container),
  containers: z.array(Container),
  volumes: z.array(z.record(z.string(), z.unknown())),
});
const Deployment = z.object({
  spec: z.object({ template: z.object({ metadata: z.object({ labels: z.unknown() }), spec: PodSpec }) }),
});

function pool(name: string) {
  const all = documents(join(POOLS, name, "pool.yaml"));
  const of = (kind: string) => all.find((each) => each.kind === kind);
  const { template } = Deployment.parse(of("Deployment")).spec;
  const { initContainers, containers } = template.spec;
  const find = (wanted: string) => {
    const found = [...initContainers, ...containers].find((each) => each.name === wanted);
    if (!found) throw new Error(`no container ${wanted}`);
    return found;
  };
  return { all, of, template, spec: template.spec, find };
}

it("has only manifests that parse, each with its kind", () => {
  expect(yaml.length).toBeGreaterThanOrEqual(9);
  for (const path of yaml)
    for (const document of documents(join(POOLS, path))) expect(document.kind).toBeTypeOf("string");
});

describe.each(["vllm", "triton"])("the pool %s", (name) => {
  it("runs nothing as root, privileged, with capabilities, with a writable root or without limits, but the fence", () => {
    const { spec, find } = pool(name);
    const all = [...spec.initContainers, ...spec.containers];
    expect(all.map((each) => each.name)).toEqual(["fence", "engine", "worker"]);
    for (const each of all) {
      for (const amounts of [each.resources.requests, each.resources.limits])
        expect([amounts.cpu, amounts.memory]).not.toContain(undefined);
      expect(each.ports).toEqual([]);
      if (each.name === "fence") continue;
      expect([each.securityContext.runAsNonRoot, each.securityContext.capabilities.add]).toEqual([true, []]);
      expect(each.securityContext.runAsUser).toBeGreaterThanOrEqual(10_000);
    }
    const fence = find("fence");
    expect(fence.securityContext.capabilities.add).toEqual(["NET_ADMIN"]);
    // It ends before anything else runs, and sees no file of the pod.
    expect([fence.restartPolicy, fence.volumeMounts, fence.env]).toEqual([undefined, [], []]);
  });

  it("fences the very user that the engine runs as, so that no model can send away what it reads", () => {
    const { find } = pool(name);
    const rules = read(join(CONTAINERS, "fence/fence.nft"));
    const [engine, worker] = [find("engine").securityContext.runAsUser, find("worker").securityContext.runAsUser];
    expect(rules).toMatch(new RegExp(`^\\s*meta skuid ${engine} oifname != "lo" counter reject$`, "m"));
    expect(rules).toContain(`tcp dport 8000 meta skuid != { ${worker}, ${engine} } counter reject`);
    expect(rules).toMatch(/hook input priority filter; policy drop;/);
    expect(read(join(CONTAINERS, name, "Dockerfile"))).toContain(`USER ${engine}:${engine}`);
    expect(read(join(CONTAINERS, "worker/Dockerfile"))).toContain(`USER ${worker}:${worker}`);
    expect(read(join(CONTAINERS, name, "Dockerfile"))).toMatch(/127\.0\.0\.1/);
  });

  it("keeps tokens and keys away from the engine", () => {
    const { find } = pool(name);
    const engine = find("engine");
    expect(engine.env).toEqual([]);
    expect(engine.volumeMounts.map((mount) => mount.name)).not.toContain("token");
    expect(engine.volumeMounts.find((mount) => mount.name === "models")?.readOnly).toBe(true);
  });

  it("ends the engine after the worker, and the worker after its drain", () => {
    const { spec, find } = pool(name);
    expect(find("engine").restartPolicy).toBe("Always");
    const drain = find("worker").env.find((each) => each.name === "BAILIWICK_WORKER_DRAIN_MS")?.value;
    expect(spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(Number(drain) + LIMITS.queueCallMs);
  });

  it("gives the worker settings that it takes", () => {
    const { find } = pool(name);
    const env = Object.fromEntries(find("worker").env.map((each) => [each.name, each.value ?? "pod-1"]));
    for (const variable of Object.keys(env)) expect(VARIABLES).toContain(variable);
    // What EKS Pod Identity adds.
    const identity = { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23/v1/credentials" };
    const settings = readSettings({ ...env, ...identity });
    expect(settings.engine.kind).toBe({ vllm: "openai", triton: "oip" }[name]);
    const memory = 256 + 2 * settings.concurrency * (LIMITS.workerUnsentBytesMax / 2 ** 20);
    expect(find("worker").resources.limits.memory).toBe("1Gi");
    expect(memory).toBeLessThan(1_024);
  });

  it("lets nobody in, and out only to what is named", () => {
    const { of, template } = pool(name);
    const policy = z
      .object({
        spec: z.object({
          podSelector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
          ...{
            policyTypes: z.tuple([z.literal("Ingress"), z.literal("Egress")]),
            ingress: z.array(z.unknown()).length(0),
          },
          egress: z.array(z.object({ to: z.array(z.unknown()).min(1), ports: z.array(z.unknown()).min(1) })),
        }),
      })
      .parse(of("NetworkPolicy"));
    expect(template.metadata.labels).toMatchObject(policy.spec.podSelector.matchLabels);
    expect(JSON.stringify(policy.spec.egress)).not.toMatch(/0\.0\.0\.0\/0|::\/0/);
  });

  it("scales from none by both of its own queues, counting work in hand", () => {
    const { of, find } = pool(name);
    const value = (wanted: string) => find("worker").env.find((each) => each.name === wanted)?.value ?? "";
    const scaled = z
      .object({
        spec: z.object({
          minReplicaCount: z.literal(0),
          triggers: z.array(z.object({ type: z.literal("aws-sqs-queue"), metadata: z.record(z.string(), z.string()) })),
        }),
      })
      .parse(of("ScaledObject"));
    const owner = { prefix: value("BAILIWICK_SQS_PREFIX"), cell: value("BAILIWICK_CELL") };
    const queues = (["interactive", "batch"] as const).map(
      (of) => sqsNames(owner, { pool: value("BAILIWICK_POOL"), class: of }).live,
    );
    expect(scaled.spec.triggers.map(({ metadata }) => metadata.queueURL?.split("/").at(-1))).toEqual(queues);
    for (const { metadata } of scaled.spec.triggers) expect(metadata.scaleOnInFlight).toBe("true");
    expect(of("PodDisruptionBudget")).toMatchObject({ spec: { maxUnavailable: 1 } });
  });
});

describe.each([
  ["nvidia", "nvidia.com/gpu"],
  ["amd", "amd.com/gpu"],
  ["intel", "gpu.intel.com/xe"],
])("accelerators of %s", (name, resource) => {
  it("change where a pool runs and what its engine gets, and nothing else", () => {
    const [patch] = documents(join(POOLS, name, "accelerator.yaml"));
    const { spec } = z
      .object({ spec: z.strictObject({ template: z.strictObject({ spec: z.record(z.string(), z.unknown()) }) }) })
      .parse(patch);
    expect(Object.keys(spec.template.spec)).toEqual(["nodeSelector", "tolerations", "initContainers"]);
    expect(spec.template.spec.initContainers).toEqual([{ name: "engine", resources: { limits: { [resource]: 1 } } }]);
    expect(spec.template.spec.tolerations).toEqual([{ key: resource, operator: "Exists", effect: "NoSchedule" }]);
  });
});

describe("images", () => {
  it.each(["worker", "vllm", "triton"])(
    "%s names no user that is root, and adds nothing over a network at start",
    (name) => {
      const text = read(join(CONTAINERS, name, "Dockerfile"));
      expect(text).toMatch(/^USER 1000[12]:1000[12]$/m);
      expect(text.slice(text.lastIndexOf("FROM"))).not.toMatch(/\b(?:apt-get|curl|wget|pip install)\b/);
    },
  );

  it("of the worker is one module that needs Node alone", async () => {
    const home = mkdtempSync(join(tmpdir(), "bundle-"));
    onTestFinished(() => rmSync(home, { recursive: true }));
    await bundleWorker(home);
    expect(readdirSync(home, { recursive: true, encoding: "utf8" }).sort()).toEqual([
      ...["gpu-workers", "gpu-workers/main.mjs", "package.json"],
    ]);
    const run = () => execFileSync(process.execPath, [join(home, "gpu-workers/main.mjs")], { env: {}, stdio: "pipe" });
    expect(run).toThrow(expect.objectContaining({ status: 64, stderr: expect.anything() }));
  });
});
