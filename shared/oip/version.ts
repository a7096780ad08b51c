/** A model at a server of the Open Inference Protocol; without a version its server chooses. */
export interface Versioned {
  name: string;
  version: string | null;
}

const VERSION = /^(.+)@([A-Za-z0-9][A-Za-z0-9._-]{0,63})$/;

/** `<model>` or `<model>@<version>`, as models of tensors are pinned in configuration. */
export function versionOf(model: string): Versioned {
  const [, name, version] = VERSION.exec(model) ?? [];
  return name === undefined || version === undefined ? { name: model, version: null } : { name, version };
}

/** Below a server's root, of the very version where one is pinned. */
export function modelPath(model: string): string {
  const { name, version } = versionOf(model);
  const path = `v2/models/${encodeURIComponent(name)}`;
  return version === null ? path : `${path}/versions/${encodeURIComponent(version)}`;
}

/** Whether what answered is what was pinned. A server that names no version is believed. */
export function isPinned(pinned: string, answered: { model: string; version: string | null }): boolean {
  const { name, version } = versionOf(pinned);
  return answered.model === name && (version === null || answered.version === null || answered.version === version);
}
