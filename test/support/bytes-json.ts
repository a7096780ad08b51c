/** JSON that carries bytes as `{ "$bytes": base64 }`, for calling ports across a test's HTTP boundary. */
export const toBytesJson = (value: unknown): string =>
  JSON.stringify(value, (_name, member: unknown) => {
    if (!(member instanceof Uint8Array)) return member;
    let binary = "";
    for (const byte of member) binary += String.fromCharCode(byte);
    return { $bytes: btoa(binary) };
  });

export const fromBytesJson = (text: string): unknown =>
  JSON.parse(text, (_name, member: unknown) => {
    if (typeof member !== "object" || member === null || !("$bytes" in member)) return member;
    return Uint8Array.from(atob(String(member.$bytes)), (char) => char.charCodeAt(0));
  });
