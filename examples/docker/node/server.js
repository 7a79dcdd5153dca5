// Answers with its own /proc/self/status, tries to start a shell when asked, and ends on SIGTERM.
const { createServer } = require('node:http');
const { readFileSync } = require('node:fs');
const { spawn } = require('node:child_process');

const server = createServer((request, response) => {
  if (request.url !== '/shell') return response.end(readFileSync('/proc/self/status'));
  const shell = spawn('/bin/sh', ['-c', 'exit 0']);
  shell.on('error', (error) => response.end(`${error.code}\n`));
  shell.on('exit', (status, signal) => response.end(`${signal ?? status}\n`));
});
server.listen(8080, () => console.log('ready'));
process.on('SIGTERM', () => {
  console.log('bye');
  server.close();
});
