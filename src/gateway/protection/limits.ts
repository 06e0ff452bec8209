// What one client may take of a gateway process. All of it is far above what devices need: a limit is reached by a client
// that is broken or hostile.

const KB = 1024;
const MB = 1024 * KB;

/** Longest body of a request, in bytes, where its route says nothing. */
export const BODY_LIMIT = MB;
/** The same where many tasks are added. */
export const TASKS_BODY_LIMIT = 10 * MB;
/** Where results are sent: one may have 4 MB. */
export const RESULTS_BODY_LIMIT = 16 * MB;
/** What a remote worker sends at once: the ends of many attempts, with their results. */
export const EXCHANGE_BODY_LIMIT = 32 * MB;
/** Levels of objects and lists in a body; the JSON of MySQL ends at 100 too. */
export const JSON_DEPTH = 100;

export interface Limits {
  /** Connections that are open at once. */
  connections: number;
  /** The same from one address, or from one network of IPv6; a trusted proxy may have all. */
  connectionsPerAddress: number;
  /** Requests on one connection that are not answered yet. */
  requestsPerConnection: number;
  /** Requests per second from one address. */
  requestsPerAddress: number;
  /** Requests per second with one key, or for one device. */
  requestsPerKey: number;
  /** Request line and headers, in bytes. */
  headerBytes: number;
  /** Characters of a path with its query. */
  urlLength: number;
  /** Milliseconds until all headers of a request are there, counted from its first byte or from the connection. */
  headersMs: number;
  /** Milliseconds until all of a request is there. */
  requestMs: number;
  /** Milliseconds that a connection stays open between two requests; longer than the 60 s of nginx and HAProxy. */
  keepAliveMs: number;
  /** Milliseconds without a byte in either direction; longer than any wait of the API. */
  silenceMs: number;
  /** Milliseconds between two searches for connections that have taken too long. */
  checkMs: number;
}

export const LIMITS: Limits = {
  connections: 20_000,
  connectionsPerAddress: 15_000,
  requestsPerConnection: 50,
  requestsPerAddress: 20_000,
  requestsPerKey: 1000,
  headerBytes: 16 * KB,
  urlLength: 8 * KB,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 75_000,
  silenceMs: 120_000,
  checkMs: 2000,
};
