// The OpenID provider at which people sign in. Who somebody is counts only from an ID token that the provider has signed, for this
// client, and for the sign-in that asked. While the provider is away, it is asked every few seconds, however many people want to sign in.
import { createHash } from 'node:crypto';
import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type ClientAuth,
  ClientError,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  calculatePKCECodeChallenge,
  clockTolerance,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  None,
  ResponseBodyError,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import type { OpenIdSettings } from './openid-settings.ts';

/** What the browser keeps until it comes back: it proves that the answer is for the one who asked. */
export interface Pending {
  state: string;
  nonce: string;
  verifier: string;
}

/** Whom the provider has signed in. */
export interface OpenIdPerson {
  /** As the claim says it. */
  name: string;
  /** SHA-256 of issuer and subject: who it is, also when another person gets the name. */
  hash: Buffer;
}

/** Seconds that one answer of the provider may take. */
const TIMEOUT_S = 5;
/** Seconds by which the clocks of both may differ. */
const TOLERANCE_S = 30;
/** For how long what the provider says of itself holds, in milliseconds. */
const METADATA_MS = 3_600_000;
/** For how long it is not asked after it did not answer, in milliseconds. */
const AWAY_MS = 5000;
/** People whose answers are checked at a time by this process; more are refused. */
const MOST_AT_ONCE = 50;
/** Of these, from one network: who sends answers that are none leaves room for others. */
const MOST_OF_ONE = 10;

/** What the network says, and not the provider. */
const UNREACHABLE = new Set(['OAUTH_TIMEOUT', 'OAUTH_ABORT']);
/** It answered with something that is none of the protocol. */
const BROKEN = new Set(['OAUTH_RESPONSE_IS_NOT_CONFORM', 'OAUTH_RESPONSE_IS_NOT_JSON', 'OAUTH_PARSE_ERROR']);

export class OpenIdProvider {
  readonly #settings: OpenIdSettings;
  readonly #warn: (sentence: string) => void;
  readonly #now: () => number;
  readonly #timeoutS: number;
  #known: { at: number; metadata: Promise<Configuration> } | undefined;
  #away: { at: number; error: AfdError } | undefined;
  #busy = 0;
  readonly #byNetwork = new Map<string, number>();

  /** `now`: milliseconds, monotonic. `timeoutS`: of each answer of the provider. */
  constructor(
    settings: OpenIdSettings,
    warn: (sentence: string) => void,
    { now = monotonic, timeoutS = TIMEOUT_S }: { now?: () => number; timeoutS?: number } = {},
  ) {
    this.#settings = settings;
    this.#warn = warn;
    this.#now = now;
    this.#timeoutS = timeoutS;
  }

  /** Where the browser goes now. @throws AfdError E_TEMPORARY */
  async begin(): Promise<{ url: string; pending: Pending }> {
    const metadata = await this.#metadata();
    const pending = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
    const url = buildAuthorizationUrl(metadata, {
      ...{ redirect_uri: this.#settings.redirectUri, scope: this.#settings.scopes },
      ...{ state: pending.state, nonce: pending.nonce },
      ...{ code_challenge: await calculatePKCECodeChallenge(pending.verifier), code_challenge_method: 'S256' },
    });
    return { url: url.href, pending };
  }

  /** `query`: of the request with which the browser came back. @throws AfdError E_LOGIN, E_TEMPORARY */
  async finish(query: string, pending: Pending, network: string): Promise<OpenIdPerson> {
    const own = this.#byNetwork.get(network) ?? 0;
    if (this.#busy >= MOST_AT_ONCE || own >= MOST_OF_ONE)
      throw new AfdError('E_TEMPORARY', 'Too many sign-ins are being checked already; try again in a few seconds.');
    this.#busy += 1;
    this.#byNetwork.set(network, own + 1);
    try {
      return await this.#finish(await this.#metadata(), query, pending);
    } catch (error) {
      throw error instanceof AfdError ? error : this.#failed(error);
    } finally {
      this.#busy -= 1;
      const left = this.#byNetwork.get(network)! - 1;
      if (left > 0) this.#byNetwork.set(network, left);
      else this.#byNetwork.delete(network);
    }
  }

  async #finish(metadata: Configuration, query: string, { state, nonce, verifier }: Pending): Promise<OpenIdPerson> {
    const url = new URL(this.#settings.redirectUri);
    url.search = query;
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier };
    const tokens = await authorizationCodeGrant(metadata, url, checks);
    const { iss, sub, ...signed } = tokens.claims()!;
    const { nameClaim } = this.#settings;
    // Many providers keep the ID token short.
    const asks = signed[nameClaim] === undefined && nameClaim !== 'sub' && metadata.serverMetadata().userinfo_endpoint;
    const claims: Record<string, unknown> = asks ? await fetchUserInfo(metadata, tokens.access_token, sub) : signed;
    const name = nameClaim === 'sub' ? sub : claims[nameClaim];
    if (typeof name !== 'string')
      throw this.#refused(`it does not say ${nameClaim} of the person: check server.oidc.name_claim and scopes`);
    // An address that nobody has checked is whatever a person has typed.
    if (nameClaim === 'email' && claims.email_verified !== true)
      throw this.#refused('it has not verified the e-mail address of the person');
    return {
      name,
      hash: createHash('sha256')
        .update(JSON.stringify([iss, sub]))
        .digest(),
    };
  }

  /** Asked once for all who want it. @throws AfdError E_TEMPORARY */
  async #metadata(): Promise<Configuration> {
    if (this.#away !== undefined && this.#now() - this.#away.at < AWAY_MS) throw this.#away.error;
    if (this.#known === undefined || this.#now() - this.#known.at >= METADATA_MS)
      this.#known = { at: this.#now(), metadata: this.#discover() };
    const { metadata } = this.#known;
    try {
      return await metadata;
    } catch (error) {
      if (this.#known?.metadata === metadata) {
        this.#known = undefined;
        this.#unreachable(error);
      }
      throw this.#away?.error ?? error;
    }
  }

  async #discover(): Promise<Configuration> {
    const { issuer, clientId, clientSecret } = this.#settings;
    // The configuration has it on this machine alone.
    const insecure = issuer.protocol === 'http:' ? [allowInsecureRequests] : [];
    const authenticate: ClientAuth = (as, ...request) =>
      authentication(clientSecret, as.token_endpoint_auth_methods_supported)(as, ...request);
    return discovery(issuer, clientId, { [clockTolerance]: TOLERANCE_S }, authenticate, {
      ...{ timeout: this.#timeoutS, execute: [enableNonRepudiationChecks, ...insecure] },
    });
  }

  /** The error that the person gets. */
  #failed(error: unknown): AfdError {
    const { code, status } = error as { code?: string; status?: number };
    if (error instanceof AuthorizationResponseError) return this.#refused(`it answered ${word(error.error)}`);
    if (error instanceof ResponseBodyError && status !== 429 && Number(status) < 500)
      return this.#refused(`it answered ${word(error.error)}`);
    // As fetch says it; others are bugs.
    const network = error instanceof TypeError && error.cause !== undefined;
    if (network || UNREACHABLE.has(code ?? '')) return this.#unreachable(error);
    // Its words may be the echo of what a browser sent, so others may go on.
    if (error instanceof ResponseBodyError || BROKEN.has(code ?? '')) return this.#temporary(error);
    if (error instanceof ClientError) return this.#refused(`its answer is not valid: ${reason(error)}`);
    throw error;
  }

  #unreachable(error: unknown): AfdError {
    this.#away = { at: this.#now(), error: this.#temporary(error) };
    return this.#away.error;
  }

  #temporary(error: unknown): AfdError {
    this.#warn(`the OpenID provider ${this.#settings.issuer.href} does not answer as it should: ${reason(error)}`);
    return new AfdError('E_TEMPORARY', 'The OpenID provider cannot be used now; try again in a few seconds.');
  }

  #refused(why: string): AfdError {
    this.#warn(`a sign-in by OpenID Connect was refused: ${why}`);
    return new AfdError('E_LOGIN', `The OpenID provider did not sign you in: ${why}.`);
  }
}

function authentication(secret: string | undefined, methods: string[] | undefined) {
  if (secret === undefined) return None();
  // As the standard says where a provider says nothing.
  return methods === undefined || methods.includes('client_secret_basic')
    ? ClientSecretBasic(secret)
    : ClientSecretPost(secret);
}

/** Codes of the standard are words; anything else is not repeated. */
function word(code: string): string {
  return /^[a-z_]{1,64}$/.test(code) ? code : 'with an error';
}

/** With what the library says below its own sentence, which names claims and shows none. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? `${message} (${cause.message})` : message;
}
