// A form in, an S3 object out, as the SDK's documentation shows it: busboy reads the form, lib-storage uploads what it gives
// in parts of 5 MiB, four at once. One process. LISTEN and UPSTREAM are host:port.
import { createServer } from 'node:http';

import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import busboy from 'busboy';
import express from 'express';

const [host, port] = process.env.LISTEN.split(':');

const client = new S3Client({
  endpoint: `http://${process.env.UPSTREAM}`,
  forcePathStyle: true,
  region: 'us-east-1',
  credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
});

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.use((req, res, next) => {
  const began = performance.now();
  res.on('finish', () => {
    const ms = Math.round(performance.now() - began);
    console.log(JSON.stringify({ at: new Date(), method: req.method, url: req.originalUrl, status: res.statusCode, ms }));
  });
  next();
});
app.post('/unform', async (req, res) => {
  const { Key, ETag } = await unform(req);
  res.status(201).json({ status: 'stored', result: { Key, ETag } });
});
// Express tells errors by the number of parameters.
app.use((error, req, res, _next) => {
  console.error(error);
  res.status(502).json({ error: error.message });
});

const server = createServer(app);
server.requestTimeout = 0;
server.keepAliveTimeout = 60_000;
server.listen({ host, port: Number(port), backlog: 4096 });

function unform(req) {
  return new Promise((resolve, reject) => {
    const form = busboy({ headers: req.headers });
    form.on('file', (_field, file, { filename, mimeType }) => {
      const params = { Bucket: 'bench', Key: filename, Body: file, ContentType: mimeType };
      resolve(new Upload({ client, params }).done());
    });
    form.on('error', reject);
    form.on('close', () => reject(new Error('the form has no file')));
    req.pipe(form);
  });
}
