import type { AttackedRuntime, Range } from "./range.ts";

/** Items of the OWASP API Security Top 10 (2023) and of the OWASP Top 10 for LLM applications (2025). */
export type OwaspItem = `API${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10}` | `LLM${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10}`;

/** One thing that somebody tries, and what they must get. Reasons are few words, the same in every run. */
export interface Attack {
  /** Unique in its family; kebab-case. */
  id: string;
  /** What is tried, in words. */
  attack: string;
  /** What must be seen: the answer, and whatever else tells that nothing was done. */
  expected: string;
  /** What must be seen where a runtime answers by itself, before any code of ours, or tells our code less than the others. */
  on?: Partial<Record<AttackedRuntime, { expected: string; because: string }>>;
  owasp: readonly OwaspItem[];
  /** Tries it against a running cell and answers what was seen, in the same words. */
  observe(range: Range): Promise<string>;
}

/** What must be seen on that runtime. */
export const expectedOn = ({ expected, on }: Attack, runtime: AttackedRuntime): string =>
  on?.[runtime]?.expected ?? expected;

export interface Family {
  id: string;
  title: string;
  about: string;
  attacks: readonly Attack[];
}

/** The same attack in many spellings, each with a row of its own. */
export const spelled = <T>(
  spellings: Readonly<Record<string, T>>,
  row: (name: string, value: T) => Attack,
): readonly Attack[] => Object.entries(spellings).map(([name, value]) => row(name, value));

/** Status, and the code of the problem where there is one: `401 invalid_api_key`. */
export async function said(response: Response): Promise<string> {
  const text = await response.text();
  if (response.status < 400) return String(response.status);
  const code = codeOf(text);
  return code === null ? String(response.status) : `${response.status} ${code}`;
}

function codeOf(text: string): string | null {
  try {
    const { error } = JSON.parse(text);
    const code = error?.code ?? error?.type;
    return typeof code === "string" ? code : null;
  } catch {
    return null;
  }
}
