import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

/** The audience that tokens are for unless another is asked for. */
export const RESOURCE = "https://cell.example.com";
const CLIENT = { client_id: "app", client_secret: "app-secret-for-tests-only" };
const REDIRECT = "https://app.example.com/callback";

/** A real OpenID provider on loopback that issues `at+jwt` access tokens for the cell (RFC 8707, RFC 9068). */
export interface OpenIdProvider {
  readonly issuer: string;
  readonly requests: string[];
  /** Of the client-credentials grant: no user. */
  clientToken(scope: string, resource?: string): Promise<string>;
  /** Of the authorization-code grant: both tokens of one sign-in. */
  userTokens(subject: string, scope: string): Promise<{ access_token: string; id_token: string }>;
  /** New signing keys under the same issuer; the old ones leave the published set. */
  rotate(kid: string): Promise<void>;
  stop(): Promise<void>;
}

async function signingKey(kid: string) {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, use: "sig", alg: "ES256" };
}

async function providerWith(issuer: string, kid: string, claims: object): Promise<Provider> {
  return new Provider(issuer, {
    jwks: { keys: [await signingKey(kid)] },
    clients: [
      {
        ...CLIENT,
        grant_types: ["client_credentials", "authorization_code"],
        response_types: ["code"],
        redirect_uris: [REDIRECT],
        id_token_signed_response_alg: "ES256",
      },
    ],
    cookies: { keys: ["test"] },
    scopes: ["openid", "inference:invoke", "model:read", "task:read"],
    findAccount: (_context: unknown, accountId: string) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    extraTokenClaims: () => claims,
    ttl: { AuthorizationCode: 60, Grant: 600, IdToken: 600, ClientCredentials: 600, AccessToken: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: unknown, audience: string) => ({
          scope: "inference:invoke model:read task:read",
          audience,
          accessTokenTTL: 600,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
}

/** `claims`: what it says in every access token besides the standard ones. */
export async function startOpenIdProvider(claims: object = { roles: ["dev"] }): Promise<OpenIdProvider> {
  let provider: Provider;
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(request.url ?? "");
    provider.callback()(request, response);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo; // safe because: it listens on TCP
  const issuer = `http://127.0.0.1:${port}`;
  provider = await providerWith(issuer, "op-1", claims);

  async function token(form: Record<string, string>): Promise<Record<string, string>> {
    const authorization = `Basic ${Buffer.from(`${CLIENT.client_id}:${CLIENT.client_secret}`).toString("base64")}`;
    const response = await fetch(`${issuer}/token`, {
      method: "POST",
      headers: { authorization },
      body: new URLSearchParams(form),
    });
    const body = await response.json();
    if (!response.ok) throw new Error(`the provider answered ${response.status}: ${JSON.stringify(body)}`);
    return body;
  }

  return {
    issuer,
    requests,
    async clientToken(scope, resource = RESOURCE) {
      const { access_token } = await token({ grant_type: "client_credentials", resource, scope });
      return access_token ?? "";
    },
    async userTokens(subject, scope) {
      const grant = new provider.Grant({ accountId: subject, clientId: CLIENT.client_id });
      grant.addOIDCScope("openid");
      grant.addResourceScope(RESOURCE, scope);
      const code = new provider.AuthorizationCode({
        accountId: subject,
        client: await provider.Client.find(CLIENT.client_id),
        grantId: await grant.save(),
        gty: "authorization_code",
        redirectUri: REDIRECT,
        resource: RESOURCE,
        scope: `openid ${scope}`,
        authTime: Math.floor(Date.now() / 1000),
      });
      const form = {
        grant_type: "authorization_code",
        code: await code.save(),
        redirect_uri: REDIRECT,
        resource: RESOURCE,
      };
      const { access_token = "", id_token = "" } = await token(form);
      return { access_token, id_token };
    },
    async rotate(kid) {
      provider = await providerWith(issuer, kid, claims);
    },
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
