// Processor time of the database server and of the worker processes while a queue is emptied. What else the machine
// does changes it less than it changes tasks per second. Where there is no /proc, nothing is reported.
import { cpuMs } from '../servers/server-pid.mjs';

export class CpuMeter {
  #server;
  #workers = [];
  #before;
  #after;

  /** `server`: pid of the database; undefined when it cannot be found. */
  constructor(server) {
    this.#server = server;
  }

  start(workers) {
    this.#workers = workers;
    this.#before = this.#read();
  }

  stop() {
    this.#after = this.#read();
  }

  /** Microseconds per task, of all worker processes together; the server's is null when its process was not found. */
  perTask(n) {
    const [before, after] = [this.#before, this.#after];
    // In a tiny run all may have begun before the clock did.
    if (n === 0 || before?.workers === undefined || after?.workers === undefined) return {};
    const each = (from, to) => Number((((to - from) * 1000) / n).toFixed(1));
    return {
      server_cpu_us_per_task: this.#server === undefined ? null : each(before.server, after.server),
      workers_cpu_us_per_task: each(before.workers, after.workers),
    };
  }

  #read() {
    return {
      server: this.#server === undefined ? undefined : cpuMs(this.#server),
      workers: cpuMs(...this.#workers),
    };
  }
}
