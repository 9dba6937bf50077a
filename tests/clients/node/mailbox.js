// Works in a mailbox with imapflow. Reads a job as JSON from standard input: host, port, security
// ("plain", "starttls", "tls"), ca (a file), user, password, into (a directory for one file a
// message of INBOX), keep (a mailbox to make), letter (a file to append to it), flag, move, remove
// (UIDs of INBOX). Writes {folders, messages, capabilities} as JSON: messages are {uid, flags, size}.
//
// The package would always take STARTTLS if it is offered: for "plain" it is not told of the offer.

import dns from 'node:dns';
import fs from 'node:fs';
import path from 'node:path';
import {ImapFlow} from 'imapflow';

// Node.js 18 tries one address only, and the lab has no IPv6.
dns.setDefaultResultOrder('ipv4first');

const job = JSON.parse(fs.readFileSync(0, 'utf8'));
const client = new ImapFlow({
  host: job.host,
  port: job.port,
  secure: job.security === 'tls',
  auth: {user: job.user, pass: job.password},
  tls: {ca: fs.readFileSync(job.ca)},
  logger: false,
});
if (job.security === 'plain') {
  client.upgradeConnection = async () => false;
}
await client.connect();
if ((job.security !== 'plain') !== client.secureConnection) {
  throw new Error(`secure: ${client.secureConnection}`);
}
const folders = (await client.list()).map(({path, specialUse}) => ({path, specialUse}));
await client.mailboxCreate(job.keep);
const status = await client.status('INBOX', {messages: true, uidNext: true});
await client.mailboxOpen('INBOX');
const messages = [];
for await (const message of client.fetch('1:*', {
  uid: true, flags: true, size: true, envelope: true, bodyStructure: true, source: true,
})) {
  const {uid, flags, size, envelope, bodyStructure, source} = message;
  fs.writeFileSync(path.join(job.into, String(uid)), source);
  messages.push({
    uid, size, flags: [...flags], subject: envelope.subject, type: bodyStructure.type,
  });
}
await client.append(job.keep, fs.readFileSync(job.letter), ['\\Seen', '$Kept']);
await client.messageFlagsAdd(String(job.flag), ['\\Flagged'], {uid: true});
const found = await client.search({flagged: true}, {uid: true});
await client.messageMove(String(job.move), job.keep, {uid: true});
await client.messageDelete(String(job.remove), {uid: true});
await client.logout();
console.log(JSON.stringify({folders, messages, status, found}));
