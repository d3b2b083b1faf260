// Bodies that carry a file as it comes, with exact lengths.
import { randomBytes } from 'node:crypto';

// A multipart form with the text fields first and the file last.
export function multipart(fields, name, size, file) {
  const boundary = `----${randomBytes(16).toString('hex')}`;
  const part = (disposition) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n`;
  const texts = Object.entries(fields).map(([key, value]) => `${part(`name="${key}"`)}\r\n${value}\r\n`);
  const opening = `${part(`name="file"; filename="${name}"`)}Content-Type: application/octet-stream\r\n\r\n`;
  const head = Buffer.from(texts.join('') + opening);
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    length: head.length + size + tail.length,
    body: around(head, file, tail),
  };
}

async function* around(head, file, tail) {
  yield head;
  yield* file;
  yield tail;
}

const jsonHead = (name) => Buffer.from(`{"name":${JSON.stringify(name)},"data":"`);
const jsonTail = Buffer.from('"}');

export function jsonLength(name, size) {
  return jsonHead(name).length + 4 * Math.ceil(size / 3) + jsonTail.length;
}

// Groups of three bytes become four characters, so what is left of a chunk is put before the next one.
export async function* base64Json(name, file) {
  yield jsonHead(name);
  let rest = Buffer.alloc(0);
  for await (const chunk of file) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const whole = bytes.length - (bytes.length % 3);
    rest = bytes.subarray(whole);
    if (whole > 0) yield bytes.base64Slice(0, whole);
  }
  if (rest.length > 0) yield rest.toString('base64');
  yield jsonTail;
}
