import { isIP } from 'node:net';
import { type Network, refusalOf } from './allowed-address.ts';

export const LONGEST_URL = 2000;

/** Why a webhook cannot have this URL; undefined = it can. Names are resolved when a delivery is sent, each time. */
export function urlProblem(text: string, networks: Network[]): string | undefined {
  if (text.length > LONGEST_URL) return `must have at most ${LONGEST_URL} characters`;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'must be a URL, such as https://hooks.example.com/afd';
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not contain a user or a password: deliveries are signed';
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  if (isIP(host)) {
    const refusal = refusalOf(host, networks);
    if (refusal !== undefined) return `is refused: ${refusal}; master.webhook_networks can allow it`;
  }
  if (url.protocol === 'http:' && networks.length === 0)
    return 'must begin with https://; http:// is for networks that master.webhook_networks names';
  return undefined;
}
