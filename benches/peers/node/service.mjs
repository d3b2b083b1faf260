// The upload service as one would write it in Node: express takes the request, busboy reads forms, undici sends. One process.
//
// LISTEN and UPSTREAM are host:port; TLS_CERT and TLS_KEY name PEM files where clients come over TLS. Every body is streamed,
// and wherever the size is known it is sent with Content-Length.
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { readFileSync } from 'node:fs';

import busboy from 'busboy';
import express from 'express';
import { Agent, request } from 'undici';

import { base64Json, jsonLength, multipart } from './bodies.mjs';

const [host, port] = process.env.LISTEN.split(':');
const upstream = `http://${process.env.UPSTREAM}`;

// As many connections as there are uploads, kept open; no limit on the time of an upload, as slow ones are measured too.
const dispatcher = new Agent({ pipelining: 1, headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 60_000 });

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.use(logged);
app.put('/raw/:name', async (req, res) => settle(res, await send('PUT', req.url, req, { 'content-length': sizeOf(req) })));
app.put('/form/:name', async (req, res) => {
  const { type, length, body } = multipart({}, req.params.name, sizeOf(req), req);
  settle(res, await send('POST', '/form', body, { 'content-type': type, 'content-length': length }));
});
app.put('/json/:name', async (req, res) => {
  const length = jsonLength(req.params.name, sizeOf(req));
  const headers = { 'content-type': 'application/json', 'content-length': length };
  settle(res, await send('POST', '/json', base64Json(req.params.name, req), headers));
});
app.post('/unform', async (req, res) => settle(res, await unform(req)));
app.put('/policy/:name', async (req, res) => {
  const size = sizeOf(req);
  const policy = await call('/policy/prepare', { name: req.params.name, size });
  const { type, length, body } = multipart(policy.fields, req.params.name, size, req);
  settle(res, await send('POST', policy.url, body, { 'content-type': type, 'content-length': length }));
});
app.put('/presigned/:name', async (req, res) => {
  const size = sizeOf(req);
  const { id, url } = await call('/presigned/start', { name: req.params.name, size });
  await send('PUT', url, req, { 'content-length': size });
  settle(res, await call(`/presigned/${id}/complete`, {}));
});
// Express tells errors by the number of parameters.
app.use((error, req, res, _next) => {
  console.error(error);
  res.status(502).json({ error: error.message });
});

const { TLS_CERT, TLS_KEY } = process.env;
const server = TLS_CERT
  ? createTlsServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY), minVersion: 'TLSv1.3' }, app)
  : createServer(app);
server.requestTimeout = 0;
server.headersTimeout = 0;
server.keepAliveTimeout = 60_000;
server.listen({ host, port: Number(port), backlog: 4096 });

function logged(req, res, next) {
  const began = performance.now();
  res.on('finish', () => {
    const ms = Math.round(performance.now() - began);
    console.log(JSON.stringify({ at: new Date(), method: req.method, url: req.originalUrl, status: res.statusCode, ms }));
  });
  next();
}

function sizeOf(req) {
  const size = Number(req.headers['content-length'] ?? req.headers['upload-length']);
  if (!Number.isSafeInteger(size)) throw new Error('the size is not known');
  return size;
}

// Text fields come first. The size of the file is not known from its part, so it is sent in chunks.
function unform(req) {
  return new Promise((resolve, reject) => {
    const form = busboy({ headers: req.headers });
    form.on('file', (_field, file, { filename, mimeType }) => {
      resolve(send('PUT', `/raw/${encodeURIComponent(filename)}`, file, { 'content-type': mimeType }));
    });
    form.on('error', reject);
    form.on('close', () => reject(new Error('the form has no file')));
    req.pipe(form);
  });
}

async function call(path, value) {
  const body = JSON.stringify(value);
  return (await send('POST', path, body, { 'content-type': 'application/json' }));
}

// Sends a body and reads the answer, which is small and JSON where it says something.
async function send(method, path, body, headers) {
  const url = new URL(path, upstream);
  const answer = await request(url, { method, body, headers, dispatcher });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`the upstream said ${answer.statusCode}`);
  return text.startsWith('{') ? JSON.parse(text) : {};
}

function settle(res, result) {
  res.status(201).json({ status: 'stored', result });
}
