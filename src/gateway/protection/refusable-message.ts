// What is left in a packet when its connection has been ended is not parsed.
import { IncomingMessage } from 'node:http';

/**
 * A request of the HTTP server, for its option `IncomingMessage`. Node parses a packet of 64 KB in one go, also after a request in it had its
 * connection ended, and keeps every request of it until the connection has closed: some 1,900 of them, 3 MB, for each connection of one turn of
 * the event loop. After a request with `upgrade` it reads on as if no HTTP followed, and with nobody to take that over it ends the connection:
 * so each request on an ended connection says that it has it.
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
