// Sends messages with nodemailer. Reads a job as JSON from standard input: host, port or socket (a
// path), lmtp, security ("plain", "starttls", "tls"), auth (user, pass, method), ca (a file), from,
// to (addresses), letters (files, sent as they are), composed (a message as nodemailer writes it
// itself: subject, text, file). Writes what it says of each one sent, as JSON.

import dns from 'node:dns';
import fs from 'node:fs';
import net from 'node:net';
import nodemailer from 'nodemailer';

// Node.js 18 tries one address only, and the lab has no IPv6.
dns.setDefaultResultOrder('ipv4first');

const job = JSON.parse(fs.readFileSync(0, 'utf8'));
const envelope = {from: job.from, to: job.to, use8BitMime: true};

function connected(path) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path, () => resolve(socket));
    socket.once('error', reject);
  });
}

async function send(message) {
  const transport = nodemailer.createTransport({
    host: job.host,
    port: job.port,
    ...(job.socket && {connection: await connected(job.socket)}),
    lmtp: job.lmtp,
    name: 'client.example.org',
    ignoreTLS: job.security === 'plain',
    requireTLS: job.security === 'starttls',
    secure: job.security === 'tls',
    ...(job.auth && {auth: {user: job.auth.user, pass: job.auth.pass}, authMethod: job.auth.method}),
    tls: {ca: fs.readFileSync(job.ca)},
  });
  const {accepted, rejected} = await transport.sendMail(message);
  transport.close();
  return {accepted, rejected};
}

const said = [];
for (const path of job.letters) {
  said.push(await send({envelope, raw: fs.readFileSync(path)}));
}
if (job.composed) {
  const {subject, text, file} = job.composed;
  const attachments = [{path: file}];
  said.push(await send({from: job.from, to: job.to, subject, text, attachments}));
}
console.log(JSON.stringify(said));
