/** The parts of `oidc-provider` that the tests use; the package ships no types. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  export class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    callback(): (request: IncomingMessage, response: ServerResponse) => void;
    readonly Client: { find(id: string): Promise<unknown> };
    readonly Grant: new (
      members: Record<string, unknown>,
    ) => {
      addOIDCScope(scope: string): void;
      addResourceScope(resource: string, scope: string): void;
      save(): Promise<string>;
    };
    readonly AuthorizationCode: new (
      members: Record<string, unknown>,
    ) => { save(): Promise<string> };
  }
}
