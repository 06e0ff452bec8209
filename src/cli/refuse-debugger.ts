/**
 * Keeps Node from opening its debugger when this process gets SIGUSR1: a port of the loopback interface by which every user
 * of the machine may run code in it. A signal with a listener opens none.
 */
export function refuseDebugger(target: Pick<NodeJS.Process, 'on'> = process): void {
  target.on('SIGUSR1', () => {});
}
