import type { KeysFile } from "./home.ts";

/** The short screen after a start: everything a newcomer needs for the first call. */
export const welcome = ({ endpoint, tenant, api_key, admin_key }: KeysFile): string => `
Bailiwick is ready.

  endpoint   ${endpoint}/v1
  tenant     ${tenant}
  API key    ${api_key}
  admin key  ${admin_key}
  reference  ${endpoint}/reference

Try it:

  curl ${endpoint}/v1/chat/completions \\
    -H "authorization: Bearer ${api_key}" -H "content-type: application/json" \\
    -d '{"model": "synthetic-small", "messages": [{"role": "user", "content": "Hello"}]}'

Ctrl-C drains and stops; a second start keeps all state.
`;
