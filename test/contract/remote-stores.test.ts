import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { cellClass } from "../../durable/cell/core.ts";
import { embeddedCellPolicies, embeddedCellStore } from "../../durable/cell/embedded.ts";
import type { EmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { policyStore } from "../../durable/runtime/policy-layers.ts";
import { sessionClass } from "../../durable/session/core.ts";
import { embeddedSessionStore } from "../../durable/session/embedded.ts";
import { embeddedTaskStore } from "../../durable/task/embedded.ts";
import { taskClass } from "../../durable/task/object-class.ts";
import { embeddedTenantPolicies, embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { type ObjectsHome, objectsHome } from "../support/objects-home.ts";
import { SIGN } from "../support/policy-fixtures.ts";
import { remoteWorld } from "../support/remote-ports.ts";
import { approvalStoreContract } from "./approval-store.contract.ts";
import { cellStoreContract } from "./cell-store.contract.ts";
import { contentStoreContract } from "./content-store.contract.ts";
import { objectStoreContract } from "./object-store.contract.ts";
import { policyStoreContract } from "./policy-store.contract.ts";
import { sessionStoreContract } from "./session-store.contract.ts";
import { taskStoreContract } from "./task-store.contract.ts";
import { tenantStoreContract } from "./tenant-store.contract.ts";

const quiet = tenantObjectClass(null);
const clock = { now: () => Date.now() as UnixMs }; // safe because: Unix milliseconds
let cells = 0;
const origin = () => ({ cell: `test${cells++}`, region: "local", release: "test" });

/** Every port keeps its contract when a process lies between it and its caller. */
describe.each([
  ["its newest version", { min: 1, max: 2 }],
  ["the version before", { min: 1, max: 1 }],
])("ports over HTTP, in %s of the protocol", (_name, edge) => {
  let home: ObjectsHome;
  let host: EmbeddedHost;
  const archiveRoot = realpathSync(mkdtempSync(join(tmpdir(), "bailiwick-remote-archive-")));
  beforeAll(() => {
    home = objectsHome({ classes: [quiet, cellClass, sessionClass, taskClass] });
    host = home.open({ clock });
  });
  afterAll(async () => {
    await host.close();
    home.remove();
    rmSync(archiveRoot, { recursive: true, force: true });
  });
  const tenants = () => remoteWorld({ edge, ports: { tenant: embeddedTenantStore(host, quiet) } }).ports.tenant;

  tenantStoreContract("a remote edge", tenants);
  approvalStoreContract("a remote edge", tenants);
  contentStoreContract("a remote edge", tenants);
  sessionStoreContract(
    "a remote edge",
    () => remoteWorld({ edge, ports: { session: embeddedSessionStore(host) } }).ports.session,
  );
  taskStoreContract("a remote edge", () => remoteWorld({ edge, ports: { task: embeddedTaskStore(host) } }).ports.task);
  cellStoreContract(
    "a remote edge",
    () => remoteWorld({ edge, ports: { cell: embeddedCellStore(host, origin()) } }).ports.cell,
  );
  policyStoreContract("a remote edge", () => {
    const of = origin();
    const { ports } = remoteWorld({
      edge,
      ports: {
        policy: policyStore({
          cell: embeddedCellPolicies(host, of, SIGN),
          tenant: embeddedTenantPolicies(host, quiet, SIGN),
        }),
        tenant: embeddedTenantStore(host, quiet),
        cell: embeddedCellStore(host, of),
      },
    });
    return { policies: ports.policy, tenants: ports.tenant, cell: ports.cell };
  });
  objectStoreContract("a remote edge", async () => ({
    store: remoteWorld({
      edge,
      ports: {
        archive: await fileSystemObjectStore({ root: join(archiveRoot, "objects"), jurisdiction: "local", clock }),
      },
    }).ports.archive,
    placement: { technology: "file-system", jurisdiction: "local", worm: "not WORM" },
  }));
});
