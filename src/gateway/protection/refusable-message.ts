// What is left in a packet when its connection has been ended is not parsed.
import { IncomingMessage } from 'node:http';

/**
 * A request of the HTTP server, for its option `IncomingMessage`. Node parses a packet of 64 KB in one go, also after a request in it had its
 * connection ended, and keeps every request of it until the turn of the event loop is over: some 1,900 short ones for each connection.
 * After a request with `upgrade` Node reads the rest as another protocol, and ends the connection where nobody listens for upgrades. So each
 * request on an ended connection says that it has `upgrade`.
 */
export class RefusableMessage extends IncomingMessage {
  declare private asked: boolean | null;

  get upgrade(): boolean {
    return this.asked === true || this.socket.destroyed;
  }

  set upgrade(asked: boolean | null) {
    this.asked = asked;
  }
}
