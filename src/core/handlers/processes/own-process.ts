/** This process: its pid, and the program that it runs (node). */
export { execPath as ownProgram, pid as ownPid } from 'node:process';
