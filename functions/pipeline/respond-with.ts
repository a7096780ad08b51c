/**
 * An answer with these headers. They are set one by one on the answer that is made: given to its constructor as an object,
 * they cost Deno and Node three times as much, because the object is read as a dictionary of any kind first.
 */
export function respondWith(
  body: BodyInit | null,
  status: number,
  ...headers: readonly Readonly<Record<string, string>>[]
): Response {
  const response = new Response(body, { status });
  for (const some of headers) for (const name in some) response.headers.set(name, some[name] ?? "");
  return response;
}
