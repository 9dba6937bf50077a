// Fetches a mailbox with node-pop3. Reads a job as JSON from standard input: host, port, security
// ("plain", "stls", "tls"), ca (a file), user, password, into (a directory for one file a message),
// crash (end by a signal where QUIT would be said). Writes {list, uidl} as JSON.
//
// The package knows no STLS: its connection is wrapped here, as its own tls option does it.

import dns from 'node:dns';
import fs from 'node:fs';
import tls from 'node:tls';
import path from 'node:path';
import Pop3Command from 'node-pop3';

class Pop3 extends Pop3Command {
  constructor(job, trusted) {
    super({...job, tls: job.security === 'tls', tlsOptions: trusted});
    this.trusted = trusted;
    this.isSecured = job.security !== 'stls';
  }

  // Logs in, on the first command.
  async _connect() {
    if (this.isSecured) {
      return super._connect();
    }
    this.isSecured = true;
    const connection = Object.getPrototypeOf(Pop3Command.prototype);
    await connection.connect.call(this);
    await this.command('STLS');
    const [onData] = this._socket.listeners('data');
    const plain = this._socket;
    plain.removeAllListeners('data');
    this._socket = tls.connect({...this.trusted, socket: plain, servername: this.servername});
    this._socket.on('data', onData);
    await this.command('USER', this.user);
    return (await this.command('PASS', this.password))[0];
  }

  // The package's own RETR gives text; bytes are wanted here, stuffed dots undone, which it leaves
  // to us. It takes away the last line's end when that came together with the final dot.
  async bytes(number) {
    await this._connect();
    const [, stream] = await this.command('RETR', number);
    const chunks = [];
    for await (const chunk of stream) {
      chunks.push(chunk);
    }
    let text = Buffer.concat(chunks).toString('latin1').replace(/(^|\r\n)\.\./g, '$1.');
    text = text.endsWith('\r\n') ? text : text + '\r\n';
    return Buffer.from(text, 'latin1');
  }
}

// Node.js 18 tries one address only, and the lab has no IPv6.
dns.setDefaultResultOrder('ipv4first');

const job = JSON.parse(fs.readFileSync(0, 'utf8'));
const pop = new Pop3({...job, timeout: 60000}, {ca: fs.readFileSync(job.ca)});
const list = await pop.LIST();
const uidl = await pop.UIDL();
for (const [number] of list) {
  fs.writeFileSync(path.join(job.into, number), await pop.bytes(number));
  await pop.DELE(number);
}
if (job.crash) {
  process.kill(process.pid, 'SIGKILL');
}
await pop.QUIT();
console.log(JSON.stringify({list, uidl}));
