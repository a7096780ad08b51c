/** One mistake in the configuration: where it stands and what is wrong. Never carries a value that may be secret. */
export interface ConfigProblem {
  /** File name, e.g. `models.yml`. */
  file: string;
  /** Members from the top, e.g. `models.fast.candidates[0].prices.input`; empty for the file as a whole. */
  path: string;
  message: string;
}

/** The files of a configuration, in the order in which problems are listed. Each may be absent. */
export const CONFIG_FILES = [
  "providers.yml",
  "pools.yml",
  "models.yml",
  "intents.yml",
  "policies.yml",
  "modules.yml",
  "tenants.yml",
] as const;
export type ConfigFile = (typeof CONFIG_FILES)[number];
export const isConfigFile = (name: string): name is ConfigFile => CONFIG_FILES.some((file) => file === name);

/** `models.yml: models.fast.tier: expected 0, 1 or 2`. */
export const describeProblem = ({ file, path, message }: ConfigProblem): string =>
  path === "" ? `${file}: ${message}` : `${file}: ${path}: ${message}`;

/** Joins path members as `ConfigProblem.path` and a refusal's `param` show them: `messages[0].content`. */
export const problemPath = (members: readonly PropertyKey[]): string =>
  members
    .map((member, at) => (typeof member === "number" ? `[${member}]` : `${at === 0 ? "" : "."}${String(member)}`))
    .join("");
