import { join } from "node:path";

const NAME = /^[0-9A-Za-z_:-]{1,96}$/;
const CLASS = /^[a-z][a-z-]{0,31}$/;

/** Whether an object may have this name: base62, underscore, dash and colon, at most 96 characters. */
export const isObjectName = (name: string): boolean => NAME.test(name);

export const objectFolder = (home: string, className: string): string => {
  if (!CLASS.test(className)) throw new RangeError("an object class has an unusable name");
  return join(home, "objects", className);
};

/**
 * `<folder>/<name>.sqlite`. Capitals become `=` and the small letter, a colon `==`, so that two tenants never share a
 * file where names ignore case. Throws `RangeError` for names that `isObjectName` refuses.
 */
export function objectPath(folder: string, name: string): string {
  if (!isObjectName(name)) throw new RangeError("an object has an unusable name");
  const safe = name.replace(/[A-Z:]/g, (found) => (found === ":" ? "==" : `=${found.toLowerCase()}`));
  return join(folder, `${safe}.sqlite`);
}

/** The name whose file this is, without its folder; null for what `objectPath` gives nobody. */
export function objectNameOf(file: string): string | null {
  const safe = file.endsWith(".sqlite") ? file.slice(0, -".sqlite".length) : "";
  const name = safe.replace(/=([a-z=])/g, (_, kept: string) => (kept === "=" ? ":" : kept.toUpperCase()));
  return isObjectName(name) && objectPath("", name) === file ? name : null;
}
