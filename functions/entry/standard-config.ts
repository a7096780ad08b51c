import intents from "../../infra/local/config/intents.yml";
import models from "../../infra/local/config/models.yml";
import modules from "../../infra/local/config/modules.yml";
import policies from "../../infra/local/config/policies.yml";
import providers from "../../infra/local/config/providers.yml";
import tenants from "../../infra/local/config/tenants.yml";

/** The configuration that a cell brings along, as text modules of the bundle. */
export const STANDARD_CONFIG: Readonly<Record<string, string>> = {
  "intents.yml": intents,
  "models.yml": models,
  "modules.yml": modules,
  "policies.yml": policies,
  "providers.yml": providers,
  "tenants.yml": tenants,
};
